"""deploy/prometheus and deploy/grafana, tried by a real Prometheus on a real server."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest

from streamer.prometheus.families import FAMILIES
from support.alarming import ALERTS, CONFIG, DEPLOY, RULES, WELL, WRONG, alerts, page_of, unit_tests
from support.live import Live
from support.ports import free_port
from support.processes import Program
from support.requirements import needs
from support.servers import Server
from support.waiting import wait_until_blocking

#: What the dashboard asks, but for the one about alerts.
DASHBOARD: Final[dict[str, Any]] = json.loads(
    (DEPLOY / "grafana" / "streamer.json").read_text("utf-8")
)
METRICS_DOCUMENT: Final = DEPLOY.parent / "docs" / "METRICS.md"


def promtool(*arguments: str | Path) -> None:
    tool = Path(needs("prometheus")).with_name("promtool")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_alerts_and_configuration_are_sound() -> None:
    promtool("check", "rules", RULES, ALERTS)
    promtool("check", "config", CONFIG)


def test_each_alert_fires_after_its_time_alone_and_none_where_all_is_well(tmp_path: Path) -> None:
    assert set(WRONG) == set(alerts())
    file = tmp_path / "tests.yml"
    file.write_text(unit_tests(RULES, ALERTS), encoding="utf-8")
    promtool("test", "rules", file)


def test_each_alert_is_in_the_document() -> None:
    named = re.findall(r"^\| `(Streamer\w+)`", METRICS_DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert named == list(alerts())


def known_names() -> set[str]:
    """What Prometheus knows of a server by: samples of ours, and what the rules record."""
    parts = ("_bucket", "_sum", "_count")
    return {
        *(family.sample for family in FAMILIES if family.kind != "histogram"),
        *(
            family.name + part
            for family in FAMILIES
            if family.kind == "histogram"
            for part in parts
        ),
        *re.findall(r"- record: (\S+)", RULES.read_text("utf-8")),
    }


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:job:|instance:)?streamer_[a-z0-9_]+(?::[a-z0-9_]+)?", text))


def asked() -> Iterator[tuple[str, str]]:
    """The title of each panel, and what it asks, for all servers, in the last minute."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "1m")
            yield panel["title"], re.sub(r"\$(job|instance)", ".*", expression)


def test_rules_alerts_and_dashboard_ask_for_what_there_is() -> None:
    expressions = [line for line in RULES.read_text("utf-8").splitlines() if "record:" not in line]
    text = "\n".join([*expressions, ALERTS.read_text("utf-8"), *(said for _, said in asked())])
    assert names_in(text) <= known_names()
    assert len(list(asked())) > 30


def test_the_stand_ins_of_the_tests_say_what_a_server_says() -> None:
    """Or an alert would be tried on what never is."""
    assert {name.partition("{")[0] for name in WELL} <= known_names()


class Watched(NamedTuple):
    """A Prometheus, and the server that it watches beside stand-ins."""

    client: httpx.Client
    server: Live
    log: Server

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        answer = self.client.get(f"/api/v1/{path}", params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def firing(self) -> dict[str, set[str]]:
        """The alerts that fire, by what is watched."""
        found: dict[str, set[str]] = {}
        for alert in self.get("alerts")["alerts"]:
            labels = alert["labels"]
            assert "error" not in json.dumps(alert["annotations"]), alert
            if alert["state"] == "firing":
                found.setdefault(labels["job"], set()).add(labels["alertname"])
        return found


@contextlib.contextmanager
def stand_ins() -> Iterator[int]:
    """Pages of servers with which one thing is wrong: the path says which; yield the port."""
    began = time.monotonic()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wrong = WRONG.get(self.path.strip("/"), {})
            self.send_response(503 if "up" in wrong else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page_of({**WELL, **wrong}, time.monotonic() - began).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def configuration(directory: Path, server: str, stand_in_port: int) -> Path:
    """The files of deploy/, in a hurry, with stand-ins beside the server."""
    waits = ALERTS.read_text("utf-8")
    (directory / "alerts.yml").write_text(re.sub(r"for: \d+[smh]", "for: 0s", waits), "utf-8")
    (directory / "rules.yml").write_text(RULES.read_text("utf-8"), "utf-8")
    jobs = [
        {
            "job_name": f"streamer-{name}",
            "metrics_path": f"/{name}",
            "static_configs": [{"targets": [f"127.0.0.1:{stand_in_port}"]}],
        }
        for name in ("well", *WRONG)
    ]
    text = CONFIG.read_text("utf-8")
    assert text.count("localhost:8000") == 1
    text = text.replace("localhost:8000", server).replace("interval: 15s", "interval: 1s")
    text += "".join(f"  - {json.dumps(job)}\n" for job in jobs)
    path = directory / "prometheus.yml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def watched(tmp_path: Path, own_server: Server) -> Iterator[Watched]:
    prometheus = needs("prometheus")
    with contextlib.ExitStack() as stack:
        server = Live("fast", own_server.url, tmp_path / "data")
        stack.callback(server.stop)
        server.start()
        stand_in_port = stack.enter_context(stand_ins())
        file = configuration(tmp_path, f"127.0.0.1:{server.port}", stand_in_port)
        port = free_port()
        stack.enter_context(
            Program(
                [
                    *(prometheus, f"--config.file={file}", f"--storage.tsdb.path={tmp_path}/db"),
                    f"--web.listen-address=127.0.0.1:{port}",
                ]
            )
        )
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}"))
        watched = Watched(client, server, own_server)
        wait_until_blocking(lambda: is_ready(watched), "Prometheus is not ready")
        yield watched


@contextlib.contextmanager
def saying(what: Callable[[], object]) -> Iterator[None]:
    """Let a failure say how it is."""
    try:
        yield
    except AssertionError as error:
        error.add_note(str(what()))
        raise


def is_ready(watched: Watched) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return watched.client.get("/-/ready").is_success
    return False


def test_a_prometheus_sees_what_is_wrong_nothing_else_and_all_that_the_dashboard_shows(
    watched: Watched,
) -> None:
    """One for all of it: it takes ten seconds to know what a rate is."""
    event = {"type": "note"}
    address = f"{watched.server.url}/api/v1/projects/p1/events"
    assert watched.client.post(address, json=event).is_success
    expected = {f"streamer-{name}": {name} for name in WRONG}
    with saying(watched.firing):
        wait_until_blocking(lambda: watched.firing() == expected, "other alerts fired")

    def unanswered() -> list[tuple[str, str]]:
        return [
            (title, expression)
            for title, expression in asked()
            if not watched.get("query", query=expression)["result"]
        ]

    with saying(unanswered):
        wait_until_blocking(lambda: not unanswered(), "the dashboard has empty panels")
    watched.log.kill()

    def fires(*names: str) -> bool:
        watched.client.post(address, json=event)
        return watched.firing().get("streamer") == set(names)

    with saying(watched.firing):
        wait_until_blocking(
            lambda: fires("StreamerLogDown", "StreamerPublishingFails"), "it was not seen"
        )
    watched.server.stop()
    wait_until_blocking(
        lambda: "StreamerDown" in watched.firing().get("streamer", ()), "nobody misses the server"
    )
