"""A server that is started as OpenTelemetry says makes spans, and writes a log for programs."""

from __future__ import annotations

import gzip
import json
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from support.documents import blocks
from support.processes import Program
from support.servers import Server
from support.waiting import wait_until_blocking

IDS: Final = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


def spans_in(printed: str) -> list[dict[str, Any]]:
    """What the exporter to the console has printed: objects, one after the other."""
    printed = f"\n{printed}"
    decoder, found, at = json.JSONDecoder(), [], printed.find("\n{\n") + 1
    while at > 0:
        span, end = decoder.raw_decode(printed, at)
        found.append(span)
        at = printed.find("\n{\n", end - 1) + 1
    return found


def exports_in(text: str) -> dict[str, str]:
    """The variables that a document exports."""
    (block,) = (each for each in blocks(text, "sh") if "opentelemetry-instrument" in each)
    lines = [line for line in block.splitlines() if line.startswith("export ")]
    pairs = [pair.split("=", 1) for line in lines for pair in line.split()[1:]]
    return dict(pairs)


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent to it by OTLP over HTTP."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.taken.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_its_spans_arrive_at_a_collector_by_what_the_document_exports(
    redis_server: Server, prefix: str, short_dir: Path
) -> None:
    """With the exporter that is in our extra, and with no other."""
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        taken: list[tuple[str, bytes]] = []
        collector.taken = taken  # type: ignore[attr-defined]
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        environ = exports_in("docs/OBSERVABILITY.md")
        assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
        environ |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "STREAMER_REDIS_URL": redis_server.url,
            "STREAMER_PREFIX": prefix,
            "STREAMER_DATA_DIR": str(short_dir),
            "STREAMER_DRAIN_SECONDS": "0.2",
            "STREAMER_PORT": "0",
        }
        instrument = Path(sys.executable).parent / "opentelemetry-instrument"
        command: list[str | Path] = [instrument, sys.executable, "-m", "streamer", "serve"]
        with Program(command, environ=environ) as program:
            url = program.wait_for(r"Serving at (http://[0-9.:]+)")[1]
            httpx.post(f"{url}/api/v1/projects/p1/events", json={"type": "note"})
            wait_until_blocking(
                lambda: any(
                    path == "/v1/traces" and b"publish projects/*" in body for path, body in taken
                ),
                "no span arrived",
            )
            assert "Traceback" not in program.err
        collector.shutdown()


def test_it_makes_spans_of_what_is_published_and_its_log_is_an_object_a_line(
    redis_server: Server, prefix: str, short_dir: Path
) -> None:
    """The command, the provider and the exporter are OpenTelemetry's own."""
    environ = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_PREFIX": prefix,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0.2",
        "STREAMER_LOG_LEVEL": "debug",
        "STREAMER_PORT": "0",
    }
    instrument = Path(sys.executable).parent / "opentelemetry-instrument"
    command: list[str | Path] = [instrument, sys.executable, "-m", "streamer", "serve"]
    with Program(command, environ=environ) as program:
        url = program.wait_for(r"Serving at (http://[0-9.:]+)")[1]
        headers = {"traceparent": f"00-{IDS}-01", "X-Request-ID": "r-1"}
        target = f"{url}/api/v1/projects/p1/events"
        assert httpx.post(target, json={"type": "note"}, headers=headers).status_code == 201
        (event,) = httpx.get(target).json()["events"]
        program.wait_for('"name": "publish projects/')
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        spans = {span["name"]: span for span in spans_in(program.out)}
    # What the command itself says before, and not its log, is sentences.
    printed = program.err.splitlines()
    first = next(number for number, line in enumerate(printed) if line.startswith("{"))
    lines = [json.loads(line) for line in printed[first:]]
    published = spans["publish projects/*"]
    assert published["parent_id"] == f"0x{IDS[33:]}"
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", event["traceparent"])
    assert found is not None
    assert published["context"]["trace_id"] == f"0x{found[1]}" == f"0x{IDS[:32]}"
    assert published["context"]["span_id"] == f"0x{found[2]}"
    assert spans["append"]["parent_id"] == f"0x{found[2]}"
    about = [line for line in lines if line.get("request_id") == "r-1"]
    assert '"POST /api/v1/projects/p1/events HTTP/1.1" 201' in about[-1]["message"]
    assert about[-1]["trace_id"] == IDS[:32]
