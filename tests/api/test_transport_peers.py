"""Clients that send too much, too slowly or nothing at all, and those that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streamer.server.server import cut_the_dead
from support.live import Live, StartLive
from support.raw_http import RawClient, answers_in, connect
from support.readers import sse, websocket
from support.stage import HANDSHAKE as OPENING
from support.stage import Peer, Stage
from support.waiting import DEADLINE, wait_until, wait_until_blocking

HANDSHAKE = (
    "GET /api/v1/projects/p/stream{query} HTTP/1.1\nHost: x\nConnection: Upgrade\n"
    "Upgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


def frame(first: int, payload: bytes = b"") -> bytes:
    """One short frame of a client, with a mask of zeroes."""
    return bytes((first, 0x80 | len(payload), 0, 0, 0, 0)) + payload


async def open_websocket(client: RawClient, query: str = "") -> None:
    client.send(HANDSHAKE.format(query=query) + "\n")
    assert b" 101 " in await client.until(b"\r\n\r\n")
    await client.until(b'"type":"caught_up"')


def errors_of(live: Live) -> str:
    assert live.program is not None
    return live.program.err


# Too much


def chunked(method: str, path: str) -> str:
    return f"{method} {path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2\n{{}}\n0\n"


LONG = "y" * 40_000


@pytest.mark.parametrize(
    "request_text",
    [
        f"GET /healthz HTTP/1.1\nX-Long: {LONG}\n\n",
        f"GET /healthz?{LONG} HTTP/1.1\nHost: x\n\n",
        "\n\n" * 10_000,
        f"{chunked('POST', '/api/v1/projects/p/events')}X-Long: {LONG}\n\n",
        chunked("POST", "/api/v1/projects/p/events") + "X-Short: y\n" * 4000,
        chunked("POST", "/api/v1/projects/p/events").replace("2\n{", f"2;{LONG}\n{{"),
        f"{HANDSHAKE.format(query='')}X-Long: {LONG}\n\n",
        f"{HANDSHAKE.format(query='')}X-Long: {LONG[:9000]}\n\n",
        HANDSHAKE.format(query="") + "X-Short: y\n" * 130 + "\n",
        HANDSHAKE.format(query="?" + LONG[:9000]) + "\n",
    ],
    ids=[
        *("a long header", "a long URL", "empty lines", "a long trailer", "many trailers"),
        *("a long chunk extension", "a handshake", "a handshake's header"),
        *("a handshake's headers", "a handshake's URL"),
    ],
)
async def test_what_is_too_large_is_refused_and_closed(
    live_server: Live, request_text: str
) -> None:
    """With 431, in however few packets it comes."""
    async with connect(live_server) as client:
        client.send(request_text)
        (answer,) = answers_in(await client.rest())
    assert (answer.status, answer.json()["code"]) == (431, "head_too_large")
    assert "too large" in answer.json()["detail"] or "over 32768 bytes" in answer.json()["detail"]


async def test_a_handshake_that_is_none_is_refused_and_closed(live_server: Live) -> None:
    """It may have no body."""
    async with connect(live_server) as client:
        client.send(HANDSHAKE.format(query="") + "Content-Length: 5\n\nhello")
        (answer,) = answers_in(await client.rest())
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")
    assert "handshake" in answer.json()["detail"]


async def test_a_url_that_is_not_ascii_is_refused_in_a_handshake_too(live_server: Live) -> None:
    async with connect(live_server) as client:
        client.send(
            HANDSHAKE.format(query="").encode().replace(b"\n", b"\r\n").replace(b"/p/", b"/\xff/")
            + b"\r\n"
        )
        (answer,) = answers_in(await client.rest())
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")


async def test_each_refusal_is_one_line_of_the_log(start_live: StartLive) -> None:
    """No traceback, whatever was wrong."""
    live = start_live()
    for request in (HANDSHAKE.format(query="") + "X-Short: y\n" * 130 + "\n", "no request\n\n"):
        async with connect(live) as client:
            client.send(request)
            await client.rest()
    async with connect(live) as client:
        await open_websocket(client)
        client.send(frame(0x81, b"\xff"))
        await client.until(struct.pack("!BBH", 0x88, 20, 1007))
    await wait_until(lambda: "must be UTF-8" in errors_of(live), "nothing was logged of the text")
    # Beside what the command says to whoever has started it.
    said = [json.loads(line) for line in errors_of(live).splitlines() if line.startswith("{")]
    lines = [line["message"] for line in said if line["level"] in {"info", "warning"}]
    assert len([line for line in lines if "refused" in line]) == 2
    assert len([line for line in lines if "must be UTF-8" in line]) == 1
    assert "Traceback" not in errors_of(live)


KINDS = {
    "pings": frame(0x89, b"a") * 260,
    "pongs": frame(0x8A) * 260,
    "empty fragments": frame(0x01) + frame(0x00) * 258 + frame(0x80),
    "commands": frame(0x81, b"ping") * 260,
}


@pytest.mark.parametrize("frames", KINDS.values(), ids=KINDS)
def test_frames_of_every_kind_have_one_rate(frames: bytes) -> None:
    """Sixty more than are taken at once, at twenty a second: none is lost, all must wait."""
    stage = Stage()  # whose clock this test moves
    peer = Peer(stage, "/api/v1/projects/p/stream", OPENING)
    peer.send_wire(frames + frame(0x89, b"the last one"))
    stage.settle()
    stage.settle()
    tenths = 0
    while b"\x8a\x0cthe last one" not in peer.take():
        tenths += 1
        assert tenths < 100, "the last frame was never taken"
        stage.loop.advance(0.1)
        stage.settle()
    assert 25 <= tenths <= 35
    stage.end()


async def test_frames_beyond_the_rate_are_answered_in_the_end(live_server: Live) -> None:
    async with connect(live_server) as client:
        await open_websocket(client)
        client.send(KINDS["commands"] + frame(0x89, b"the last one"))
        await client.until(b"\x8a\x0cthe last one")


# Too slow


@pytest.fixture(scope="module")
def times() -> dict[str, str]:
    return {
        "STREAMER_HEAD_TIMEOUT": "1",
        "STREAMER_BODY_TIMEOUT": "1",
        "STREAMER_SEND_TIMEOUT": "1",
        "STREAMER_PONG_TIMEOUT": "3",
    }


HALVES = {
    "a head": ("GET /healthz HTTP/1.1\nHost:", "head"),
    "a handshake": (HANDSHAKE.format(query=""), "head"),
    "the next head": ("GET /healthz HTTP/1.1\nHost: x\n\nGET", "head"),
    "a body": ("POST /api/v1/events HTTP/1.1\nHost: x\nContent-Length: 9\n\n{", "body"),
    "a chunk": (f"{chunked('POST', '/api/v1/events')[:-2]}", "body"),
}


async def test_a_request_that_is_not_whole_in_time_is_refused(
    start_live: StartLive, times: dict[str, str]
) -> None:
    """With 408, whichever part is missing; the log has no traceback."""
    live = start_live(**times)

    async def refused(text: str, part: str) -> None:
        async with connect(live) as client:
            client.send(text)
            answer = answers_in(await client.rest())[-1]
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout"), text
        assert f"the {part} of the request was not whole in 1 s" in answer.json()["detail"]

    await asyncio.gather(*(refused(text, part) for text, part in HALVES.values()))
    assert "Traceback" not in errors_of(live)


async def test_a_connection_that_asks_nothing_is_closed_without_a_word(
    start_live: StartLive, times: dict[str, str]
) -> None:
    """A new one; one that was answered, later; one whose body nobody waits for any more."""
    live = start_live(**times, STREAMER_KEEP_ALIVE="2")

    async def closed(text: str, statuses: list[int]) -> None:
        async with connect(live) as client:
            client.send(text)
            answers = answers_in(await client.rest())
        assert [answer.status for answer in answers] == statuses

    await asyncio.gather(
        closed("", []),
        closed("GET /healthz HTTP/1.1\nHost: x\n\n", [200]),
        closed("POST /nothing HTTP/1.1\nHost: x\nContent-Length: 9\n\n{", [404]),
    )


async def test_a_head_that_comes_byte_by_byte_has_no_longer_than_another(
    start_live: StartLive, times: dict[str, str]
) -> None:
    """A second, however often something comes."""
    live = start_live(**times)
    async with connect(live) as client:
        client.send("GET /healthz HTTP/1.1\nX-Slow: ")
        ended = asyncio.create_task(client.rest())

        async def more() -> bool:
            client.send("y")
            return ended.done()

        await wait_until(more, "the head went on and on")
        (answer,) = answers_in(await ended)
    assert answer.status == 408


async def test_an_idle_stream_and_a_long_poll_have_no_such_time(
    start_live: StartLive, times: dict[str, str], project: str
) -> None:
    """They are whole requests."""
    live = start_live(**times)
    path = f"/api/v1/projects/{project}"
    async with (
        sse(live.url, f"{path}/stream") as stream,
        websocket(live.ws_url, f"{path}/stream?heartbeat=300") as lively,
        httpx.AsyncClient(base_url=live.url) as client,
    ):
        await stream.has("caught_up")
        await lively.has("caught_up")
        answer = await client.get(f"{path}/events?wait=4")
        assert answer.json()["events"] == []
        await client.post(f"{path}/events", json={"type": "tick"})
        await stream.has("tick")
        await lively.has("tick")


# Nothing at all


async def test_a_websocket_that_shows_no_sign_of_life_is_cut(
    start_live: StartLive, times: dict[str, str]
) -> None:
    """It answers no ping, whatever heartbeat it asked for."""
    live = start_live(**times)

    async def is_cut(query: str) -> None:
        async with connect(live) as silent:
            await open_websocket(silent, query)
            # Pings come, and then the end: no close frame, for nobody is there.
            assert set((await silent.rest())[-2:]) <= {0x89, 0x00}

    await asyncio.gather(*(is_cut(query) for query in ("", "?heartbeat=1", "?heartbeat=300")))


def test_the_kernel_cuts_who_acknowledges_nothing() -> None:
    """What is accepted inherits the time; Linux only."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None:
        pytest.skip("this system has no TCP_USER_TIMEOUT")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cut_the_dead(listening, 30.0)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, option) == 30_000


# Who does not read


@contextlib.contextmanager
def small_socket(live: Live) -> Iterator[socket.socket]:
    """A connection whose client takes little before it is full."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.settimeout(DEADLINE)
        opened.connect(("127.0.0.1", live.port))
        yield opened


def memory_of(live: Live) -> int:
    """Bytes that the server has in memory."""
    assert live.program is not None
    (line,) = (
        line
        for line in Path(f"/proc/{live.program.pid}/status").read_text("ascii").splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_who_pings_and_does_not_read_fills_no_memory_and_is_cut(
    start_live: StartLive, times: dict[str, str]
) -> None:
    """Even at a rate without a limit."""
    live = start_live(**times, STREAMER_COMMAND_RATE="1000000")
    before = memory_of(live)
    pings = frame(0x89, b"p" * 125) * 4000
    with small_socket(live) as client:
        client.sendall((HANDSHAKE.format(query="") + "\n").replace("\n", "\r\n").encode())
        assert b" 101 " in client.recv(2000)
        with pytest.raises(ConnectionError):
            wait_until_blocking(lambda: client.sendall(pings), "it was never cut")
    assert memory_of(live) - before < 20_000_000


def test_who_asks_and_does_not_read_the_answers_is_cut(
    start_live: StartLive, times: dict[str, str], project: str
) -> None:
    """After the send timeout, like a reader."""
    live = start_live(**times)
    path = f"/api/v1/projects/{project}/events"
    for _ in range(4):
        event = {"type": "tick", "text": "x" * 50_000}
        assert httpx.post(f"{live.url}{path}", json=event).status_code == 201
    poll = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with small_socket(live) as client:
        client.sendall(poll * 100)
        # Another request now and then: it is not even read, until there is nobody to read it.
        with pytest.raises(ConnectionError):
            wait_until_blocking(lambda: client.send(b"G") != 1, "it was never cut")
