"""The end of a server, as those see it who had just connected."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator

import pytest

from streamer.server.acceptance import LAST_CALL
from streamer.server.http1 import FastHttp
from streamer.server.last_accept import stop_listening
from streamer.server.websocket import FastWebSocket
from support.stage import HANDSHAKE, Peer, Stage

STREAM = "/api/v1/projects/p1/stream"
WEBSOCKET = "/api/v1/ws/projects/p1/stream"
WAITING = 5


class Greeter(asyncio.Protocol):
    """Says a word to whoever is let in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
async def test_who_waits_to_be_accepted_when_a_server_ends_is_let_in(
    family: socket.AddressFamily, short_dir: object
) -> None:
    """The kernel would reset them: it has told them that they are connected."""
    listener = socket.socket(family)
    address = ("127.0.0.1", 0) if family == socket.AF_INET else f"{short_dir}/socket"
    listener.bind(address)
    listener.listen(WAITING)
    server = await asyncio.get_running_loop().create_server(Greeter, sock=listener)
    address = listener.getsockname()
    # In this turn of the loop: it cannot accept any of them.
    clients = [socket.socket(family) for _ in range(WAITING)]
    for client in clients:
        client.connect(address)
        client.setblocking(False)
    await stop_listening([server], Greeter)
    for client in clients:
        with client:
            assert await asyncio.get_running_loop().sock_recv(client, 100) == b"hello"
    with socket.socket(family) as late, pytest.raises(ConnectionRefusedError):
        late.connect(address)


async def test_a_listener_that_others_share_is_left_to_them() -> None:
    """Servers of one socket end one after the other."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = await loop.create_server(Greeter, sock=listener.dup())
        theirs = await loop.create_server(Greeter, sock=listener.dup())
        await stop_listening([ours], Greeter)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await reader.read() == b"hello"
        writer.close()
        theirs.close()


async def test_a_server_without_a_file_to_spare_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(Greeter, sock=listener)
    address = listener.getsockname()

    def no_file(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", no_file)
    await stop_listening([server], Greeter)
    with socket.socket() as late, pytest.raises(ConnectionRefusedError):
        late.connect(address)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.end()
    assert stage.loop.faults == []


@pytest.fixture
def _leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has drained."""
    monkeypatch.setattr(FastHttp, "retiring", True)
    monkeypatch.setattr(FastHttp, "leaving", True)
    monkeypatch.setattr(FastWebSocket, "leaving", True)


def end(stage: Stage) -> None:
    """Do as the server does with every connection that there is."""
    stage.loop.inside(
        lambda: [connection.shutdown() for connection in list(stage.state.connections)]
    )


@pytest.mark.parametrize("sent", [0, 20])
def test_a_request_that_is_on_its_way_to_a_server_that_ends_is_answered(
    stage: Stage, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is the last of its connection."""
    monkeypatch.setattr(FastHttp, "retiring", True)
    peer = Peer(stage, "/healthz", until=sent)
    stage.settle()
    end(stage)
    stage.settle()
    peer.send_rest()
    stage.settle()
    answer = peer.take()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"connection: close" in answer
    assert not stage.state.connections


def test_a_connection_on_which_nothing_is_asked_ends_with_its_server(stage: Stage) -> None:
    peer = Peer(stage, "/healthz")
    stage.settle()
    assert peer.take().startswith(b"HTTP/1.1 200")
    end(stage)
    stage.settle()
    assert stage.state.connections
    stage.pass_seconds(LAST_CALL)
    stage.settle()
    assert not stage.state.connections


def test_an_idle_connection_ends_where_nobody_looks_at_connections(stage: Stage) -> None:
    """On a server that is not ours: uvicorn's own timer does it there."""
    peer = Peer(stage, "/healthz")
    stage.settle()
    assert peer.take().startswith(b"HTTP/1.1 200")
    stage.pass_seconds(stage.config.timeout_keep_alive - 1)
    assert stage.state.connections
    stage.pass_seconds(1.5)
    assert not stage.state.connections


@pytest.mark.usefixtures("_leaving")
def test_who_is_accepted_last_has_as_long_as_the_others(stage: Stage) -> None:
    """A connection that was in the kernel's queue."""
    asks, is_silent = Peer(stage, "/healthz", until=0), Peer(stage, "/healthz", until=0)
    stage.settle()
    asks.send_rest()
    stage.settle()
    assert asks.take().startswith(b"HTTP/1.1 200")
    assert len(stage.state.connections) == 1, is_silent.take()
    stage.pass_seconds(LAST_CALL)
    stage.settle()
    assert not stage.state.connections


@pytest.mark.usefixtures("_leaving")
@pytest.mark.parametrize("headers", [{}, HANDSHAKE], ids=["sse", "websocket"])
def test_a_stream_that_begins_at_the_very_end_is_asked_to_come_back(
    stage: Stage, headers: dict[str, str]
) -> None:
    """On a server whose app has a hub that it does not know, and that nobody has drained."""
    peer = Peer(stage, WEBSOCKET if headers else STREAM, headers)
    stage.settle()
    stage.pass_seconds(2 * LAST_CALL)
    stage.settle()
    assert b'"code":"draining"' in peer.take(), peer.take()
    stage.pass_seconds(2)
    peer.leave()
    stage.settle()
    assert not stage.state.connections


def test_a_handshake_that_is_under_way_as_its_server_ends_is_answered(stage: Stage) -> None:
    peer = Peer(stage, WEBSOCKET, HANDSHAKE)
    while not isinstance(peer.transport.get_protocol(), FastWebSocket):
        stage.step()
    assert peer.take() == b""
    end(stage)
    stage.settle()
    assert peer.take().startswith(b"HTTP/1.1 101"), peer.take()
