"""A client may leave, break or hang at every await and every write; nobody else may notice.

One server lives through all points of a scenario: what one of them leaves behind
would be seen at the next.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from support.asgi_peer import AsgiPeer
from support.stage import HANDSHAKE, Peer, Stage

#: Steps after which every scenario has come to rest, with a margin; a test says so.
STEPS: Final = 24
#: Writes to one client in any scenario, with a margin.
WRITES: Final = 8

AnyPeer = Peer | AsgiPeer
#: Frames of a client (RFC 6455, section 5.2), masked with zeros.
_EMPTY_TEXT: Final = b"\x81\x80\0\0\0\0"
_CLOSE: Final = b"\x88\x80\0\0\0\0"


def _both(topic: str) -> str:
    """A stream of a topic that is new, and of one that others read."""
    return f"/api/v1/stream?topic={topic}&topic=shared"


def _changing(stage: Stage, topic: str) -> Peer:
    peer = Peer(stage, "/api/v1/stream?topic=shared", HANDSHAKE)
    peer.send_frames(
        f'{{"type":"subscribe","topic":"{topic}","last_event_id":"0-0"}}',
        "ping",
        '{"type":"unsubscribe","topic":"shared"}',
        "no command",
    )
    return peer


def _changing_portably(stage: Stage, topic: str) -> AsgiPeer:
    peer = AsgiPeer(stage, "/api/v1/stream?topic=shared", kind="websocket")
    peer.send_frame(f'{{"type":"subscribe","topic":"{topic}","last_event_id":"0-0"}}')
    peer.send_frame('{"type":"unsubscribe","topic":"shared"}')
    return peer


FAST: Final[dict[str, Callable[[Stage, str], Peer]]] = {
    "a first visit": lambda stage, topic: Peer(stage, _both(topic)),
    "a visit to what others read": lambda stage, _: Peer(stage, "/api/v1/stream?topic=shared"),
    "a replay": lambda stage, topic: Peer(stage, _both(topic) + "&from=earliest"),
    "a return": lambda stage, topic: Peer(stage, _both(topic), {"Last-Event-ID": "1-0"}),
    "a stream with a rate": lambda stage, topic: Peer(stage, _both(topic) + "&rate=10"),
    "a stream that ends": lambda stage, topic: Peer(
        stage, f"/api/v1/stream?topic={topic}&from=earliest&until=end"
    ),
    "a compressed replay": lambda stage, topic: Peer(
        stage, _both(topic) + "&from=earliest", {"Accept-Encoding": "gzip"}
    ),
    "a compressed visit to what others read": lambda stage, _: Peer(
        stage, "/api/v1/stream?topic=shared", {"Accept-Encoding": "zstd"}
    ),
    "a websocket": lambda stage, topic: Peer(stage, _both(topic), HANDSHAKE),
    "a compressed websocket": lambda stage, topic: Peer(
        stage,
        _both(topic) + "&from=earliest",
        {**HANDSHAKE, "Sec-WebSocket-Extensions": "permessage-deflate"},
    ),
    "a websocket that replays": lambda stage, topic: Peer(
        stage, _both(topic) + "&from=earliest", HANDSHAKE
    ),
    "a websocket that changes topics": _changing,
    "a websocket that is refused": lambda stage, _: Peer(
        stage, "/api/v1/stream?topic=a&last_event_id=bad", HANDSHAKE
    ),
    "a websocket whose frames come with its handshake": lambda stage, topic: Peer(
        stage, _both(topic), HANDSHAKE, body=_EMPTY_TEXT * 2 + _CLOSE
    ),
    "a handshake that is none, and frames behind it": lambda stage, topic: Peer(
        stage, _both(topic), {**HANDSHAKE, "Sec-WebSocket-Key": "none"}, body=_EMPTY_TEXT
    ),
    "a long poll": lambda stage, topic: Peer(stage, f"/api/v1/events?topic={topic}-no&wait=1"),
    "a long poll with a rate": lambda stage, topic: Peer(
        stage, f"/api/v1/events?topic={topic}&wait=1&rate=2"
    ),
    "a poll": lambda stage, topic: Peer(stage, f"/api/v1/events?topic={topic}&after=0-0"),
    "a status": lambda stage, topic: Peer(stage, f"/api/v1/status?topic={topic}"),
    "two streams, one behind the other": lambda stage, topic: Peer(
        stage,
        _both(topic),
        body=b"GET /api/v1/stream?topic=shared HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    "a poll before a stream": lambda stage, topic: Peer(
        stage,
        f"/api/v1/events?topic={topic}&after=0-0",
        body=b"GET /api/v1/stream?topic=shared HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    "a publisher": lambda stage, topic: Peer(
        stage,
        "/api/v1/events",
        {"Content-Length": "30"},
        method="POST",
        body=f'{{"topic":"{topic}-p","type":"note"}}'.ljust(30).encode(),
    ),
    "a head that is never finished": lambda stage, topic: Peer(stage, _both(topic), until=20),
}
PORTABLE: Final[dict[str, Callable[[Stage, str], AsgiPeer]]] = {
    "a first visit": lambda stage, topic: AsgiPeer(stage, _both(topic), kind="http"),
    "a replay": lambda stage, topic: AsgiPeer(stage, _both(topic) + "&from=earliest", kind="http"),
    "a stream that ends": lambda stage, topic: AsgiPeer(
        stage, f"/api/v1/stream?topic={topic}&from=earliest&until=end", kind="http"
    ),
    "a websocket": lambda stage, topic: AsgiPeer(stage, _both(topic), kind="websocket"),
    "a websocket that changes topics": _changing_portably,
    "a websocket that is refused": lambda stage, _: AsgiPeer(
        stage, "/api/v1/stream?topic=a&last_event_id=bad", kind="websocket"
    ),
    "a long poll": lambda stage, topic: AsgiPeer(
        stage, f"/api/v1/events?topic={topic}-no&wait=1", kind="http"
    ),
}


class Witnesses:
    """Those who stay: what anybody else does, they receive everything, and in time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        beating = "/api/v1/stream?topic=shared&heartbeat=1"
        self._standing: list[AnyPeer] = [
            Peer(stage, beating),
            Peer(stage, beating, HANDSHAKE),
            AsgiPeer(stage, beating, kind="http"),
        ]
        self._bystander = Peer(stage, "/api/v1/stream?topic=elsewhere&heartbeat=1")
        self._expected: list[int] = []
        stage.settle()

    def notice_nothing(self, topic: str) -> None:
        """Newcomers of `topic` and everybody else receive what is published from now on."""
        stage = self._stage
        late: list[AnyPeer] = [
            Peer(stage, _both(topic)),
            Peer(stage, f"/api/v1/stream?topic={topic}", HANDSHAKE),
            AsgiPeer(stage, _both(topic), kind="http"),
        ]
        stage.settle()
        numbers = [stage.publish(topic, "shared"), stage.publish("shared", topic)]
        stage.settle()
        self._expected += numbers
        for peer in late:
            assert peer.numbers == numbers, f"a newcomer at {topic}"
        for peer in self._standing:
            assert peer.numbers == self._expected, f"a standing reader at {topic}"
        beats = self._bystander.beats
        stage.loop.advance(1.0)
        assert self._bystander.beats == beats + 1, f"no heartbeat at {topic}"
        for peer in late:
            peer.leave()
        stage.settle()

    def are_alone(self) -> None:
        """Nobody else is counted, and nothing of anybody else is kept."""
        hub = self._stage.hub
        assert dict(hub.counts) == {"shared": 3, "elsewhere": 1}
        assert len(hub._readers) == 4
        assert not hub._pulse
        readers = {
            topics: feed.result().readers
            for topics, feed in hub._feeds._feeds.items()
            if feed.result().readers
        }
        assert readers == {("shared",): 3, ("elsewhere",): 1}

    def are_drained(self) -> None:
        """A drain asks each of them to come back, and ends them all."""
        self._stage.loop.inside(lambda: self._stage.loop.create_task(self._stage.hub.drain(0.0)))
        self._stage.settle()
        for peer in (*self._standing, self._bystander):
            text = peer.take() if isinstance(peer, Peer) else peer.received
            assert b'"reconnect"' in text
        assert not self._stage.hub._readers


@pytest.fixture(params=[False, True], ids=["by tasks", "promptly"])
def stage(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[Stage]:
    caplog.set_level(logging.WARNING)
    stage = Stage(is_prompt=request.param)
    yield stage
    stage.end()


def _prepare(stage: Stage, point: int) -> str:
    """A topic of this point's own, with something to replay, and a log that takes its time."""
    topic = f"t{point}"
    for _ in range(3):
        stage.publish(topic, text="x" * 100)
    stage.log.pausing = True
    return topic


def _judge(stage: Stage, topic: str, witnesses: Witnesses) -> None:
    for _ in range(3):
        stage.step()
    witnesses.notice_nothing(topic)
    stage.loop.advance(2.0)  # a long poll is over
    stage.settle()
    witnesses.are_alone()


def _in_the_end(stage: Stage, witnesses: Witnesses, caplog: pytest.LogCaptureFixture) -> None:
    assert [record.getMessage() for record in caplog.records] == []
    assert stage.loop.faults == []
    witnesses.are_drained()


@pytest.mark.parametrize("what", FAST)
def test_a_client_leaves_at_any_step(
    stage: Stage, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    witnesses = Witnesses(stage)
    for point in range(STEPS):
        topic = _prepare(stage, point)
        peer = FAST[what](stage, topic)
        for _ in range(point):
            stage.step()
        peer.leave()
        _judge(stage, topic, witnesses)
    _in_the_end(stage, witnesses, caplog)


@pytest.mark.parametrize(
    ("what", "how"),
    [
        (what, how)
        for what in FAST
        for how in ("breaks", "raises")
        # They are answered where they are read, and what is raised there the loop cuts itself.
        if how == "breaks" or "handshake" not in what
    ],
)
def test_a_connection_breaks_at_any_write(stage: Stage, what: str, how: str) -> None:
    """Its transport may even raise, which ours must never hand on."""
    witnesses = Witnesses(stage)
    for point in range(WRITES):
        topic = _prepare(stage, point)
        peer = FAST[what](stage, topic)
        peer.break_at(point, how)
        for _ in range(STEPS):
            stage.step()
        stage.publish(topic)
        peer.leave()
        _judge(stage, topic, witnesses)
    assert stage.loop.faults == []
    witnesses.are_drained()


@pytest.mark.parametrize(
    "what",
    [
        *("a first visit", "a replay", "a compressed replay"),
        *("a websocket", "a websocket that replays", "a compressed websocket"),
    ],
)
def test_a_client_that_takes_nothing_from_any_step_on_is_cut(stage: Stage, what: str) -> None:
    """After the send timeout, and nobody has waited for it."""
    witnesses = Witnesses(stage)
    for point in range(0, STEPS, 4):
        topic = _prepare(stage, point)
        FAST[what](stage, topic).narrow()
        for _ in range(point):
            stage.step()
        stage.settle()
        for _ in range(3):
            # Of which a compressor makes half, and no less.
            stage.publish(topic, text=random.Random(point).randbytes(20_000).hex())
            stage.settle()
        assert stage.hub._pulse, f"nobody is slow at {point}"
        for _ in range(7):  # seconds: longer than the send timeout
            stage.loop.advance(1.0)
        _judge(stage, topic, witnesses)
    assert stage.loop.faults == []


@pytest.mark.parametrize("what", PORTABLE)
@pytest.mark.parametrize("how", ["leave", "cancel"])
def test_a_client_leaves_another_server_at_any_step(
    stage: Stage, what: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Some servers say that it left, some cancel the request."""
    witnesses = Witnesses(stage)
    for point in range(STEPS):
        topic = _prepare(stage, point)
        peer = PORTABLE[what](stage, topic)
        for _ in range(point):
            stage.step()
        getattr(peer, how)()
        _judge(stage, topic, witnesses)
        assert peer.task.done()
    _in_the_end(stage, witnesses, caplog)


@pytest.mark.parametrize("what", PORTABLE)
@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_another_server_breaks_at_any_send(stage: Stage, what: str, how: str) -> None:
    witnesses = Witnesses(stage)
    for point in range(WRITES):
        topic = _prepare(stage, point)
        peer = PORTABLE[what](stage, topic)
        peer.break_at(point, how)
        for _ in range(STEPS):
            stage.step()
        stage.publish(topic)
        peer.leave()
        stage.settle()
        peer.cancel()
        _judge(stage, topic, witnesses)
        assert peer.task.done()
    assert stage.loop.faults == []
    witnesses.are_drained()
