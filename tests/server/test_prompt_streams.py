"""A stream that is opened without a task is, to the byte, what an app's task opens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import httpx
import pytest

from support.live import Live, StartLive
from support.raw_http import RawClient, connect
from support.waiting import wait_until

#: Asks for nothing more, but a stream that has it is left to a task.
TASK: Final = f"Traceparent: 00-{'4' * 32}-{'5' * 16}-01\n"
LAST: Final = "Connection: close\n"
UPGRADE: Final = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)
#: What is drawn or read from a clock for each answer.
_DRAWN: Final = re.compile(
    rb'(?<="stream_id":")[^"]*|(?<=\r\ndate: )[^\r]*|(?<="retry_ms":)\d+|(?<=retry: )\d+'
)


def text_of(path: str, *headers: str) -> str:
    return f"GET /api/v1/{path} HTTP/1.1\nHost: x\nX-Request-Id: mine\n{''.join(headers)}\n"


def without_what_is_drawn(wire: bytes) -> bytes:
    return _DRAWN.sub(b"", wire)


@asynccontextmanager
async def read(live: Live, path: str) -> AsyncIterator[RawClient]:
    """Somebody who reads, so that whoever comes next need not wait for the log."""
    async with connect(live) as client:
        client.send(text_of(path))
        await client.until(b'"caught_up"')
        yield client


async def opened(live: Live, text: str, *pieces: str) -> bytes:
    """What comes back first."""
    async with connect(live) as client:
        client.send(text)
        for piece in pieces:
            await client.writer.drain()
            client.send(piece)
        return without_what_is_drawn(await client.until(b'"caught_up","cursor":'))


async def finish(live: Live, job: str) -> None:
    async with httpx.AsyncClient(base_url=f"{live.url}/api/v1") as http:
        event = {"type": "completed", "task_name": "t", "topic": f"jobs/{job}"}
        (await http.post("/events", json=event)).raise_for_status()


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Origin: http://localhost:3000\nSec-Fetch-Site: same-site\n",
        "Cookie: a=b\nAccept: text/event-stream\n",
        "Last-Event-ID: 0-0\nX-Forwarded-For: 1.2.3.4\n",
        UPGRADE,
        f"{UPGRADE}Sec-WebSocket-Protocol: streamer\nOrigin: http://localhost:3000\n",
    ],
)
async def test_a_stream_begins_the_same_to_the_byte(live_server: Live, headers: str) -> None:
    async with read(live_server, "projects/alike/stream"):
        of_task = await opened(live_server, text_of("projects/alike/stream", headers, TASK))
        assert await opened(live_server, text_of("projects/alike/stream", headers)) == of_task
    assert of_task.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 101 "))


@pytest.mark.parametrize("cut", [10, 60, -4, -1])
async def test_a_head_in_pieces_opens_the_same(live_server: Live, cut: int) -> None:
    text = text_of("projects/pieces/stream", "Accept: */*\n")
    async with read(live_server, "projects/pieces/stream"):
        whole = await opened(live_server, text)
        assert await opened(live_server, text[:cut], text[cut:]) == whole


async def test_a_job_that_is_over_ends_at_once_and_the_next_request_is_answered(
    live_server: Live,
) -> None:
    """All of them come in one piece; the last of them ends the connection."""
    await finish(live_server, "over")
    path = "jobs/over/stream"
    wires = []
    for task in (TASK, TASK, ""):  # the first finds its topic unread
        async with connect(live_server) as client:
            client.send(text_of(path, task) * 3 + text_of("health", task, LAST))
            wires.append(without_what_is_drawn(await client.rest()))
    assert wires[2] == wires[1]
    assert wires[2].count(b"event: end\n") == 3
    assert wires[2].count(b"\r\n0\r\n\r\nHTTP/1.1 ") == 3


async def test_what_follows_a_stream_on_its_connection_waits_for_its_end(
    live_server: Live,
) -> None:
    async with read(live_server, "jobs/waits/stream"), connect(live_server) as client:
        client.send(text_of("jobs/waits/stream") + text_of("jobs/waits", LAST))
        assert b"404" not in await client.until(b'"caught_up"')
        await finish(live_server, "waits")
        rest = await client.rest()
    assert rest.index(b'"end"') < rest.index(b"HTTP/1.1 ")


@pytest.mark.parametrize("task", ["", TASK])
async def test_what_is_wrong_is_said_by_the_app(live_server: Live, task: str) -> None:
    async with read(live_server, "projects/wrong/stream"), connect(live_server) as client:
        client.send(text_of("projects/wrong/stream?from=x", task, LAST))
        wire = await client.rest()
    assert b" 400 " in wire
    assert b"invalid_cursor" in wire


@pytest.mark.parametrize("task", ["", TASK])
async def test_who_asks_is_whom_a_trusted_proxy_names(start_live: StartLive, task: str) -> None:
    """Each of them may have one connection, and this one, which says nothing, has its own."""
    live, path = start_live(STREAMER_MAX_CONNECTIONS_PER_CLIENT="1"), "projects/proxied/stream"
    async with read(live, path), AsyncExitStack() as stack:
        for party, first in (("1.2.3.4", b"connected"), ("1.2.3.4", b"reconnect")):
            client = await stack.enter_async_context(connect(live))
            client.send(text_of(path, f"X-Forwarded-For: {party}\n", task))
            await client.until(b"event: ")
            assert await client.until(b"\n") == first + b"\n"


@pytest.mark.parametrize("headers", ["", UPGRADE])
async def test_whoever_leaves_at_once_is_forgotten(live_server: Live, headers: str) -> None:
    """Also in the turn in which it is attached."""
    path = "projects/leaves/stream"
    async with read(live_server, path), httpx.AsyncClient(base_url=live_server.url) as http:
        for _ in range(20):
            async with connect(live_server) as client:
                client.send(text_of(path, headers))
                client.writer.transport.abort()

        async def is_alone() -> bool:
            answer = await http.get("/api/v1/ws/projects/leaves/connections")
            return bool(answer.json()["active_connections"] == 1)

        await wait_until(is_alone, "somebody who left is still counted")
