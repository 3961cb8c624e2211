"""A stream ends with the token it was opened with, over every transport and on both paths."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator

import pytest

from streamer.access.grants import Grants
from streamer.api.asker import Asker, Connection
from support.asgi_peer import AsgiPeer
from support.stage import HANDSHAKE, Peer, Stage
from support.wall import EPOCH

PATH = "/api/v1/projects/p/stream"
OLDER = "/api/v1/ws/projects/p/stream"
EXPIRED = (
    b'{"type":"expired","code":"token_expired","detail":"the token of this stream has expired"}'
)
#: RFC 6455, section 5.5.1: a close frame without a mask, its code and reason.
CLOSED = b"\x88\x0e" + struct.pack("!H", 1008) + b"Unauthorized"


async def by_expiry(connection: Connection) -> Asker:
    """Whoever says so in a header has so many seconds from the epoch on."""
    headers = dict(connection.scope["headers"])
    expires = EPOCH + float(headers[b"x-lives"])
    return Asker("somewhere", "ann", Grants("ann", is_admin=True, expires=expires))


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(door=by_expiry)
    yield stage
    assert stage.loop.faults == []
    stage.end()
    assert not stage.hub.counts


def fast(stage: Stage, path: str, *, socket: bool, lives: int) -> Callable[[], bytes]:
    headers = {**(HANDSHAKE if socket else {}), "X-Lives": str(lives)}
    peer = Peer(stage, path, headers)
    return peer.take


def portable(stage: Stage, path: str, *, socket: bool, lives: int) -> Callable[[], bytes]:
    kind = "websocket" if socket else "http"
    peer = AsgiPeer(stage, path, {"X-Lives": str(lives)}, kind=kind)
    return lambda: peer.received


Open = Callable[..., Callable[[], bytes]]


@pytest.mark.parametrize("server", [fast, portable])
@pytest.mark.parametrize(
    ("path", "socket"),
    [(PATH, False), (f"{PATH}?events=message", False), (PATH, True), (OLDER, True)],
)
def test_it_is_warned_and_ends_and_what_follows_is_for_others(
    stage: Stage, server: Open, path: str, socket: bool
) -> None:
    take = server(stage, path, socket=socket, lives=100)
    other = server(stage, path, socket=socket, lives=1000)
    stage.settle()
    stage.pass_seconds(99.75)
    assert b'"type":"expiring","expires_at":"2025-02-02T08:01:40.000Z"' in take()
    assert b'"refresh":"/api/v1/streams/' in take()
    before = stage.publish("projects/p")
    stage.settle()
    stage.pass_seconds(0.25)
    after = stage.publish("projects/p")
    stage.settle()
    received = take()
    assert received.count(EXPIRED) == 1
    assert b'"number":%d' % before in received
    assert b'"number":%d' % after not in received
    assert b'"number":%d' % after in other()
    if server is portable:
        return
    last = received.partition(EXPIRED)[2]
    assert last == (CLOSED if socket else b"\n\n\r\n0\r\n\r\n"), "it ends properly"


@pytest.mark.parametrize("server", [fast, portable])
def test_a_token_whose_time_is_over_opens_no_stream(stage: Stage, server: Open) -> None:
    """In the second of its end, too."""
    for lives in (-1, 0):
        take = server(stage, PATH, socket=False, lives=lives)
        stage.settle()
        assert b'"code":"token_expired"' in take()
        socket = server(stage, PATH, socket=True, lives=lives)
        stage.settle()
        assert b'{"type":"refused","code":"token_expired"' in socket()
    assert not stage.hub.counts


def test_the_answer_is_401(stage: Stage) -> None:
    """And the close code of a socket 1008, a second later."""
    take = fast(stage, PATH, socket=False, lives=0)
    socket = fast(stage, PATH, socket=True, lives=0)
    poll = fast(stage, "/api/v1/projects/p/events?wait=5", socket=False, lives=0)
    stage.settle()
    assert take().startswith(b"HTTP/1.1 401 ")
    assert poll().startswith(b"HTTP/1.1 401 ")
    stage.pass_seconds(1.0)
    assert b"\x03\xf0" in socket().partition(b"token_expired")[2]  # 1008


def test_a_poll_waits_no_longer_than_its_token_holds(stage: Stage) -> None:
    poll = fast(stage, "/api/v1/projects/p/events?wait=60", socket=False, lives=10)
    stage.settle()
    stage.pass_seconds(9.75)
    assert poll() == b""
    stage.pass_seconds(0.5)
    assert poll().startswith(b"HTTP/1.1 401 ")
    assert b'"code":"token_expired"' in poll()


@pytest.mark.parametrize("socket", [False, True])
def test_a_reader_that_takes_nothing_is_cut_at_its_end(stage: Stage, socket: bool) -> None:
    """Nothing that was published before, and it had not taken, comes to it afterwards."""
    headers = {**(HANDSHAKE if socket else {}), "X-Lives": "4"}
    peer = Peer(stage, PATH, headers)
    peer.narrow()
    stage.settle()
    for _ in range(20):
        stage.publish("projects/p", text="x" * 1000)
        stage.settle()
    assert peer.transport.get_write_buffer_size() > 0
    stage.pass_seconds(4.0)
    assert peer.transport.is_closing()
    assert not stage.hub.counts
    assert EXPIRED not in peer.take()


@pytest.mark.parametrize("server", [fast, portable])
@pytest.mark.parametrize("socket", [False, True])
def test_a_client_that_leaves_in_the_second_of_its_end_leaves_nothing_behind(
    stage: Stage, server: Open, socket: bool
) -> None:
    server(stage, PATH, socket=socket, lives=10)
    stage.settle()
    stage.pass_seconds(9.75)
    for peer in stage.peers:
        peer.leave()
    for task in asyncio.all_tasks(stage.loop):
        task.cancel()
    stage.pass_seconds(2.0)
    assert not stage.hub.counts
