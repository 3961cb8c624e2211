"""What `GET /metrics` of a server says, and to whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from streamer.access.grants import EVERYTHING, Grants
from streamer.api.asker import Asker, Connection
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.metrics import Silent
from support.servers import FakeClock
from support.stage import HANDSHAKE, Peer, Stage

PROJECT = "/api/v1/projects/p1"
OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.end()


def answer(stage: Stage, headers: dict[str, str] | None = None) -> tuple[str, str]:
    """The head and the body of what `/metrics` answers."""
    peer = Peer(stage, "/metrics", headers or OPEN_METRICS)
    stage.settle()
    head, _, body = peer.take().decode("latin-1").partition("\r\n\r\n")
    return head, body


def numbers(stage: Stage) -> dict[tuple[str, ...], float]:
    _, body = answer(stage)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def log_clock(stage: Stage) -> FakeClock:
    log = stage.log._log
    assert isinstance(log, MemoryEventLog)
    assert isinstance(log._clock, FakeClock)
    return log._clock


def test_readers_are_counted_by_their_state(stage: Stage) -> None:
    peers = [Peer(stage, f"{PROJECT}/stream") for _ in range(3)]
    peers.append(Peer(stage, f"{PROJECT}/stream", HANDSHAKE))
    stage.settle()
    found = numbers(stage)
    assert found["streamer_readers", "live"] == 4
    assert found["streamer_readers", "lagging"] == found["streamer_readers", "replaying"] == 0
    assert found["streamer_connections", "sse"] == 3
    assert found["streamer_connections", "websocket"] == 1
    peers[0].narrow()
    clock = log_clock(stage)
    for _ in range(20):
        clock.advance(500)
        stage.publish("projects/p1", text="x" * 8000)
        stage.settle()
        for peer in peers[1:]:
            peer.take()
    found = numbers(stage)
    assert found["streamer_readers", "lagging"] == 1
    assert found["streamer_readers", "live"] == 3
    assert 0.5 <= found["streamer_reader_lag_seconds",] < 20 * 0.5


def test_what_is_published_is_delivered_and_both_are_counted(stage: Stage) -> None:
    for _ in range(2):
        Peer(stage, f"{PROJECT}/stream")
    stage.settle()
    body = b'{"type":"note"}'
    headers = {"Content-Length": str(len(body))}
    Peer(stage, f"{PROJECT}/events", headers, method="POST", body=body)
    stage.settle()
    stage.settle()
    found = numbers(stage)
    assert found["streamer_events_published_total",] == 1
    assert found["streamer_publish_duration_seconds_count",] == 1
    assert found["streamer_append_duration_seconds_count",] == 1
    assert found["streamer_events_delivered_total",] == 2
    assert found["streamer_delivery_delay_seconds_count",] == 2


def test_it_says_how_the_server_and_its_log_are(stage: Stage) -> None:
    found = numbers(stage)
    assert found["streamer_log_up",] == 1
    assert found["streamer_processes", "server"] == 1
    assert found["streamer_processes_draining",] == 0
    assert found["streamer_cpu_seconds_total",] > 0
    assert found["streamer_resident_memory_bytes",] > 1e6
    assert found["streamer_open_descriptors",] > 3
    assert 0 < found["streamer_descriptors_used_ratio",] < 1
    assert found["streamer_disk_low",] == 0


def test_a_disk_that_is_nearly_full_is_told(stage: Stage) -> None:
    stage.app.state.disk.low = "the disk of /data has 3 bytes free"
    assert numbers(stage)["streamer_disk_low",] == 1


def test_the_loop_is_looked_at_four_times_a_second(stage: Stage) -> None:
    numbers(stage)
    before = numbers(stage)["streamer_loop_lag_seconds_count",]
    stage.pass_seconds(10)
    assert numbers(stage)["streamer_loop_lag_seconds_count",] - before == 40


def test_no_cache_keeps_it(stage: Stage) -> None:
    head, body = answer(stage, {"Accept": "*/*"})
    assert head.startswith("HTTP/1.1 200 ")
    assert "\r\ncache-control: no-store" in head.lower()
    assert "\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n" in head.lower() + "\r\n"
    assert body.startswith("# HELP streamer_")


@pytest.mark.parametrize(
    ("grants", "status"),
    [
        (EVERYTHING, 200),
        (Grants("ops", is_admin=True), 200),
        (Grants("ann"), 403),
    ],
)
def test_an_admin_may_read_it_where_anybody_is_asked(grants: Grants, status: int) -> None:
    async def door(_: Connection) -> Asker:
        return Asker("somewhere", grants.subject, grants)

    stage = Stage(door=door)
    head, _ = answer(stage)
    assert head.startswith(f"HTTP/1.1 {status} ")
    stage.end()


def test_what_somebody_else_counts_is_counted_here_too() -> None:
    refused: list[str] = []

    class Theirs(Silent):
        def refused(self, code: str) -> None:
            refused.append(code)

    stage = Stage(metrics=Theirs())
    Peer(stage, "/nothing/here")
    stage.settle()
    assert refused == ["not_found"]
    assert numbers(stage)["streamer_refusals_total", "not_found"] == 1
    stage.end()
