"""Streams over real servers when things break: slow clients, Redis killed, the server killed."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from urllib.parse import urlsplit

import h11
import httpx
import pytest

from streamer.hub.fan_out import FEW
from support.live import Live, StartLive
from support.readers import SseReader, publish, sse, websocket
from support.servers import Server
from support.waiting import DEADLINE, wait_until

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])


def stream_of(project: str) -> str:
    return f"/api/v1/projects/{project}/stream"


async def test_a_slow_reader_holds_up_nobody_and_is_caught_up(live: Live, project: str) -> None:
    """It reads nothing while 8 MB are published; another has them all; then it has, too."""
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        _slow_reader(live, project) as (slow, connection),
        sse(live.url, stream_of(project)) as other,
    ):
        await other.has("connected", "caught_up")
        text = "x" * 50_000
        ids = [await publish(client, project, "note", text=text, n=n) for n in range(160)]
        await other.has_ids(ids)
        assert slow.ids == []
        await _read_until(connection, slow, 2 + len(ids))
    assert slow.ids == ids


@pytest.mark.parametrize("io_uring", ["true", "false"])
async def test_a_crowd_with_a_slow_one_in_it_gets_everything_in_order(
    start_live: StartLive, project: str, io_uring: str
) -> None:
    """However a crowd is sent to: by one system call for all, or by one for each."""
    live = start_live("fast", STREAMER_IO_URING=io_uring)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url))
        slow, connection = await stack.enter_async_context(_slow_reader(live, project))
        target = stream_of(project)
        crowd = [await stack.enter_async_context(sse(live.url, target)) for _ in range(FEW)]
        for reader in crowd:
            await reader.has("connected", "caught_up")
        text = "x" * 50_000
        ids = [await publish(client, project, "note", text=text, n=n) for n in range(160)]
        for reader in crowd:
            await reader.has_ids(ids)
        assert slow.ids == []
        await _read_until(connection, slow, 2 + len(ids))
    assert slow.ids == ids


async def test_a_reader_that_takes_nothing_is_cut_and_loses_nothing(
    start_live: StartLive, project: str
) -> None:
    """After the send timeout; it reads what was on its way, and comes back for the rest."""
    live = start_live("fast", STREAMER_SEND_TIMEOUT="1")
    counted = f"/api/v1/ws/projects/{project}/connections"
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        _slow_reader(live, project) as (slow, connection),
    ):
        text = "x" * 50_000
        ids = [await publish(client, project, "note", text=text, n=n) for n in range(160)]

        async def is_cut() -> bool:
            return bool((await client.get(counted)).json()["active_connections"] == 0)

        await wait_until(is_cut, "it was not cut")
        with pytest.raises((ConnectionError, h11.RemoteProtocolError)):
            await _read_until(connection, slow, 2 + len(ids))
        assert len(slow.ids) < len(ids)
        headers = {"Last-Event-ID": slow.ids[-1] if slow.ids else slow.events[-1].last_event_id}
        async with sse(live.url, stream_of(project), headers) as again:
            await again.has_ids(ids[len(slow.ids) :])


@asynccontextmanager
async def _slow_reader(live: Live, project: str) -> AsyncIterator[tuple[SseReader, sockets.socket]]:
    """One that has its first two events, and reads no more until somebody makes it."""
    parts = urlsplit(live.url)
    loop = asyncio.get_running_loop()
    with closing(sockets.socket()) as connection:
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 128 * 1024)
        connection.setblocking(False)
        await loop.sock_connect(connection, (parts.hostname, parts.port))
        slow = SseReader()
        await loop.sock_sendall(connection, slow.request(stream_of(project), {"Host": "h"}))
        await _read_until(connection, slow, 2)
        yield slow, connection


async def _read_until(connection: sockets.socket, reader: SseReader, events: int) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DEADLINE):
        while len(reader.events) < events:
            reader.feed(await loop.sock_recv(connection, 1 << 20))


@pytest.mark.faults
@PATHS
async def test_streams_outlive_a_crash_of_redis(
    start_live: StartLive, own_server: Server, project: str, path: str
) -> None:
    """The same connections get what is published after it; ids continue."""
    live = start_live(path, redis_url=own_server.url)
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        sse(live.url, stream_of(project)) as stream,
        websocket(live.ws_url, stream_of(project)) as socket,
    ):
        await stream.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        ids = [await publish(client, project, "note", n=n) for n in range(3)]
        await stream.has_ids(ids)
        own_server.kill()
        refused = await client.post(
            f"/api/v1/projects/{project}/events", json={"type": "note", "n": 99}
        )
        assert refused.status_code == 503, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "log_unavailable"
        assert refused.json()["retry"] is True

        async def is_ready(status: int) -> bool:
            return (await client.get("/readyz")).status_code == status

        await wait_until(lambda: is_ready(503), "/readyz did not tell")
        assert (await client.get("/healthz")).status_code == 200
        await socket.send("ping")
        await socket.has("pong")
        own_server.start()
        await wait_until(lambda: is_ready(200), "/readyz did not recover")
        ids.append(await publish(client, project, "note", n=4))
        await stream.has_ids(ids)
        await socket.has_ids(ids)
        assert "gap" not in stream.types


@pytest.mark.faults
@PATHS
async def test_a_reader_loses_nothing_when_the_server_is_killed(
    start_live: StartLive, project: str, path: str
) -> None:
    """It resumes on the one that comes up at the same port."""
    live = start_live(path)
    async with sse(live.url, stream_of(project)) as stream:
        await stream.has("connected", "caught_up")
        async with httpx.AsyncClient(base_url=live.url) as client:
            ids = [await publish(client, project, "note", n=n) for n in range(3)]
        await stream.has_ids(ids)
        live.kill()
        await wait_until(lambda: stream.cut or stream.ended, "the connection was not cut")
    live.start()
    async with httpx.AsyncClient(base_url=live.url) as client:
        ids.append(await publish(client, project, "note", n=3))
        headers = {"Last-Event-ID": stream.parser.last_event_id}
        async with sse(live.url, stream_of(project), headers) as again:
            ids.append(await publish(client, project, "note", n=4))
            await again.has_ids(ids[3:])
            assert "gap" not in again.types


async def test_readers_are_counted_over_processes(start_live: StartLive, project: str) -> None:
    """Two servers of one deployment give the same number, and deliver each other's events."""
    prefix = f"test-{project}"
    servers = [start_live(path, STREAMER_PREFIX=prefix) for path in ("fast", "portable")]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=s.url)) for s in servers
        ]

        async def counts(number: int) -> bool:
            path = f"/api/v1/ws/projects/{project}/connections"
            return all(
                [(await c.get(path)).json()["active_connections"] == number for c in clients]
            )

        async with (
            sse(servers[0].url, stream_of(project)) as first,
            websocket(servers[1].ws_url, stream_of(project)) as second,
        ):
            await first.has("caught_up")
            await second.has("caught_up")
            await wait_until(lambda: counts(2), "both readers were not counted everywhere")
            ids = [await publish(client, project, "note") for client in clients]
            await first.has_ids(ids)
            await second.has_ids(ids)
        await wait_until(lambda: counts(0), "the readers were not forgotten everywhere")


@PATHS
async def test_a_page_of_another_origin_is_refused(
    start_live: StartLive, project: str, path: str
) -> None:
    """An error frame, then 1008; its own origin, an allowed one and none at all may."""
    live = start_live(path, STREAMER_ALLOWED_ORIGINS="https://good.example")
    bad = {"Origin": "https://bad.example"}
    async with websocket(live.ws_url, stream_of(project), bad) as socket:
        assert (await socket.is_closed())[0] == 1008
        assert [body["code"] for body in socket.bodies] == ["forbidden"]
        assert "https://bad.example" in socket.bodies[0]["detail"]
    for origin in ({"Origin": "https://good.example"}, {"Origin": live.url}, {}):
        async with websocket(live.ws_url, stream_of(project), origin) as socket:
            await socket.has("connected", "caught_up")


@PATHS
async def test_a_drained_reader_is_asked_to_come_back(
    start_live: StartLive, project: str, path: str
) -> None:
    """SIGTERM: ``reconnect`` with a time of its own, then a proper end, and 1012."""
    live = start_live(path)
    async with (
        sse(live.url, stream_of(project)) as stream,
        websocket(live.ws_url, stream_of(project)) as socket,
    ):
        await stream.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        await asyncio.to_thread(live.stop)
        await wait_until(lambda: stream.ended or stream.cut, "the stream did not end")
        assert stream.types == ["connected", "caught_up", "reconnect"]
        assert stream.ended, "cut, not ended"
        closed, _ = await socket.is_closed()
        assert closed == 1012
        if path == "fast":  # another server closes its sockets by itself
            assert socket.types[-1] == "reconnect"
