"""A counter that comes from outside counts, and nothing of ours knows what it counts for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from streamer.events.cursor import Cursor
from streamer.events.page import Gap
from streamer.metrics import Dropped
from support.asgi_peer import AsgiPeer
from support.stage import HANDSHAKE, Peer, Stage

PROJECT = "/api/v1/projects/p1"


class Tally:
    """What somebody's `Metrics` may be: it has the methods, and nothing of ours beneath it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.passes: list[tuple[int, int]] = []
        self.oldest: list[int] = []

    def attached(self, transport: str) -> None:
        self.counts[f"attached {transport}"] += 1

    def left(self, transport: str) -> None:
        self.counts[f"left {transport}"] += 1

    def published(self, events: int, waited: float, took: float) -> None:
        assert waited >= took >= 0.0
        self.counts["published"] += events

    def append_failed(self, events: int) -> None:
        self.counts["append failed"] += events

    def delivered(self, readers: int, events: int, oldest: int) -> None:
        self.passes.append((readers, events))
        self.oldest.append(oldest)

    def replayed(self, events: int) -> None:
        self.counts["replayed"] += events

    def reported_gaps(self, readers: int, gaps: int) -> None:
        self.counts["gaps"] += readers * gaps

    def refused(self, code: str) -> None:
        self.counts[f"refused {code}"] += 1

    def dropped(self, reason: Dropped) -> None:
        self.counts[f"dropped {reason}"] += 1

    def interrupted(self) -> None:
        self.counts["interrupted"] += 1


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def stage(tally: Tally) -> Iterator[Stage]:
    stage = Stage(metrics=tally)
    yield stage
    stage.end()


def test_readers_are_counted_by_transport_when_they_come_and_when_they_leave(
    stage: Stage, tally: Tally
) -> None:
    peers = [Peer(stage, f"{PROJECT}/stream") for _ in range(2)]
    socket = Peer(stage, f"{PROJECT}/stream", HANDSHAKE)
    Peer(stage, f"{PROJECT}/events")
    stage.settle()
    assert tally.counts["attached sse"] == 2
    assert tally.counts["attached websocket"] == 1
    assert tally.counts["attached poll"] == 1
    assert tally.counts["left poll"] == 1
    assert "left sse" not in tally.counts
    for peer in (peers[0], socket):
        peer.leave()
    stage.settle()
    assert tally.counts["left sse"] == 1
    assert tally.counts["left websocket"] == 1


def test_a_pass_is_counted_once_for_each_cohort_whatever_its_readers(
    stage: Stage, tally: Tally
) -> None:
    for _ in range(5):
        Peer(stage, f"{PROJECT}/stream")
    Peer(stage, f"{PROJECT}/stream", HANDSHAKE)
    stage.settle()
    stage.publish("projects/p1")
    stage.settle()
    assert sorted(tally.passes) == [(1, 1), (5, 1)]


def test_a_pass_to_readers_that_stand_apart_is_counted_once_for_all(
    stage: Stage, tally: Tally
) -> None:
    """A reader of a job may end with any event, and is in no cohort."""
    for _ in range(3):
        Peer(stage, "/api/v1/jobs/j1/stream")
    stage.settle()
    stage.publish("jobs/j1")
    stage.settle()
    assert tally.passes == [(3, 1)]


def test_events_are_counted_when_the_log_has_taken_them_and_when_they_are_replayed(
    stage: Stage, tally: Tally
) -> None:
    for _ in range(3):
        Peer(
            stage,
            f"{PROJECT}/events",
            {"Content-Length": "15"},
            method="POST",
            body=b'{"type":"note"}',
        )
    stage.settle()
    assert tally.counts["published"] == 3
    assert not tally.counts["replayed"]
    Peer(stage, f"{PROJECT}/stream?from=earliest")
    Peer(stage, f"{PROJECT}/events?limit=2")
    stage.settle()
    assert tally.counts["replayed"] == 3 + 2
    assert not tally.passes


def test_gaps_are_counted_live_and_in_a_replay(stage: Stage, tally: Tally) -> None:
    for _ in range(3):
        Peer(stage, f"{PROJECT}/stream")
    stage.settle()
    stage.publish("projects/p1")
    stage.settle()
    feed = stage.hub._feeds.peek(("projects/p1",))
    head = feed.tail.head
    lost = Gap("projects/p1", head, Cursor(head.ms + 1, 0), "trimmed")
    stage.loop.inside(lambda: feed.lose([lost], lost.until))
    assert tally.counts["gaps"] == 3
    cursor = "99999999999999-0"  # of another log
    Peer(stage, f"/api/v1/projects/p2/stream?last_event_id={cursor}")
    stage.settle()
    assert tally.counts["gaps"] == 4


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        (f"{PROJECT}/stream?last_event_id=no", {}, "invalid_cursor"),
        (f"{PROJECT}/stream?last_event_id=no", HANDSHAKE, "invalid_cursor"),
        (f"{PROJECT}/events?limit=0", {}, "invalid_parameter"),
        ("/nowhere", {}, "not_found"),
    ],
)
def test_what_is_refused_is_counted_by_its_code(
    stage: Stage, tally: Tally, target: str, headers: dict[str, str], code: str
) -> None:
    Peer(stage, target, headers)
    stage.settle()
    assert tally.counts == {f"refused {code}": 1}


def test_a_command_that_is_refused_is_counted(stage: Stage, tally: Tally) -> None:
    Peer(stage, f"{PROJECT}/stream", HANDSHAKE).send_frames("what?")
    stage.settle()  # the handshake is answered
    stage.settle()
    assert tally.counts["refused invalid_frame"] == 1


def test_a_host_that_is_not_ours_is_counted_before_any_handler(tally: Tally) -> None:
    stage = Stage(metrics=tally)
    AsgiPeer(stage, f"{PROJECT}/events", {"host": "b c"}, kind="http")
    stage.settle()
    assert tally.counts == {"refused invalid_host": 1}
    stage.end()


def test_a_draining_server_counts_whom_it_sends_elsewhere(stage: Stage, tally: Tally) -> None:
    Peer(stage, "/healthz")  # it begins with its first request
    stage.settle()
    stage.loop.inside(stage.hub.start_drain)
    stage.settle()
    Peer(stage, f"{PROJECT}/stream")
    Peer(stage, f"{PROJECT}/stream", HANDSHAKE)
    stage.settle()
    assert tally.counts == {"refused draining": 2}
