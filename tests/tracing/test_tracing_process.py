"""A server that is started as OpenTelemetry says makes spans, and writes a log for programs."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any, Final

import httpx

from support.processes import Program
from support.servers import Server

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
