from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AsyncExitStack

import httpx
import pytest

from streamer.eventlog.redis.keys import Keys
from support.connections import listens
from support.fault_readers import FaultReader, SseReader, WebSocketReader
from support.live import Live, StartLive
from support.processes import Program
from support.servers import Server
from support.waiting import wait_until

#: Seconds over which the servers of these tests drain.
DRAIN = 2.0
#: Seconds beyond the drain in which a server must be gone.
MARGIN = 3.0


def process(live: Live) -> Program:
    assert live.program is not None
    return live.program


async def exit_of(live: Live, *, within: float) -> int:
    """Wait until the server has ended; return its exit code."""
    program = process(live)
    await wait_until(lambda: not program.running, "the server did not end", deadline=within)
    return program.wait()


@pytest.fixture
def draining(start_live: StartLive) -> Live:
    return start_live(STREAMER_DRAIN_SECONDS=str(DRAIN))


async def readers_of(stack: AsyncExitStack, live: Live, topic: str, each: int) -> list[FaultReader]:
    """Live readers over SSE and WebSocket, none of which comes back."""
    readers: list[FaultReader] = [
        kind(live.url, topic) for kind in (SseReader, WebSocketReader) for _ in range(each)
    ]
    for reader in readers:
        reader.pause = 3600
        await stack.enter_async_context(reader)
        await reader.is_live()
    return readers


async def ended(reader: FaultReader) -> None:
    """Wait until a connection of `reader` is over."""
    await wait_until(lambda: reader.ends, f"{reader} was not ended")


async def test_every_reader_is_told_when_to_come_back_and_ended_properly(
    draining: Live, project: str
) -> None:
    """`reconnect` with a wait of its own, then the last chunk or close 1012, spread over time."""
    async with AsyncExitStack() as stack:
        readers = await readers_of(stack, draining, f"projects/{project}", 8)
        process(draining).signal(signal.SIGTERM)
        assert await exit_of(draining, within=DRAIN + MARGIN) == 0
        await wait_until(lambda: all(reader.ends for reader in readers), "not all were ended")
        retries = [retry for reader in readers for retry in reader.retries]
        assert len(retries) == len(readers)
        assert all(2000 <= retry <= 4000 for retry in retries)
        assert len(set(retries)) > len(readers) // 2
        for reader in readers:
            assert isinstance(reader, WebSocketReader) or reader.told["clean end"] == 1
            assert not isinstance(reader, WebSocketReader) or reader.closes == (1012,)
        ends = sorted(reader.ends[0] for reader in readers)
        assert DRAIN / 2 <= ends[-1] - ends[0] <= DRAIN + 1
        halves = sum(end < ends[0] + DRAIN / 2 for end in ends)
        assert len(readers) / 4 <= halves <= 3 * len(readers) / 4


async def test_who_comes_during_a_drain_is_told_to_come_back(draining: Live, project: str) -> None:
    """A 503 would be final for an EventSource; `/readyz` says it to the load balancer."""
    topic = f"projects/{project}"
    async with AsyncExitStack() as stack:
        await readers_of(stack, draining, topic, 4)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=draining.url, trust_env=False)
        )
        process(draining).signal(signal.SIGTERM)

        async def readiness() -> httpx.Response | None:
            answer = await client.get("/readyz")
            return answer if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else None

        answer = await wait_until(readiness, "it stayed ready")
        assert answer is not None
        assert answer.json()["checks"]["draining"] == "draining"
        sse, ws = SseReader(draining.url, topic), WebSocketReader(draining.url, topic)
        for late in (sse, ws):
            late.pause = 3600
            await stack.enter_async_context(late)
            await ended(late)
            assert (late.told.get("reconnect"), late.connections, late.refusals) == (1, 0, []), str(
                late
            )
        assert sse.told["clean end"] == 1
        assert ws.closes == (1012,)
        answer = await client.get("/api/v1/events", params={"topic": topic, "wait": "30"})
        assert answer.json()["events"] == []
        answer = await client.post("/api/v1/events", json={"topic": topic, "type": "tick"})
        assert answer.status_code == httpx.codes.CREATED
        # A proxy must not send its next request into a connection that is about to close.
        assert answer.headers["connection"] == "close"
        assert await exit_of(draining, within=DRAIN + MARGIN) == 0


async def test_a_poll_that_waits_is_answered_by_a_drain(
    draining: Live, redis_server: Server, project: str
) -> None:
    """With an empty page and its cursor, not with a cut: it polls on elsewhere."""
    topic = f"projects/{project}"
    async with httpx.AsyncClient(base_url=draining.url, trust_env=False) as client:
        cursor = (await client.get("/api/v1/status", params={"topic": topic})).json()["cursor"]
        query = {"topic": topic, "after": cursor, "wait": "30"}
        polling = asyncio.create_task(client.get("/api/v1/events", params=query))
        name = Keys(draining.environ["STREAMER_PREFIX"]).notification(topic)
        with redis_server.client() as redis:
            await wait_until(
                lambda: redis.pubsub_numsub(name)[0][1] == 1, "the poll did not begin to wait"
            )
        process(draining).signal(signal.SIGTERM)
        answer = await asyncio.wait_for(polling, DRAIN)
        assert answer.status_code == httpx.codes.OK
        assert answer.json() == {"events": [], "cursor": cursor, "gap": None}
        assert await exit_of(draining, within=DRAIN + MARGIN) == 0


async def test_readers_that_do_not_read_hold_up_no_exit(draining: Live, project: str) -> None:
    """Their sockets are full, so that no last word can reach them; it ends in time, with 0."""
    topic = f"projects/{project}"
    stuck = []
    try:
        for _ in range(3):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", draining.port))
            sock.sendall(f"GET /api/v1/stream?topic={topic} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            stuck.append(sock)
        async with httpx.AsyncClient(base_url=draining.url, trust_env=False) as client:

            async def connected() -> bool:
                answer = await client.get(f"/api/v1/ws/projects/{project}/connections")
                return bool(answer.json()["active_connections"] == len(stuck))

            await wait_until(connected, "the readers that do not read did not connect")
            body = {"topic": topic, "type": "tick", "filler": "x" * 59_000}
            for _ in range(100):
                (await client.post("/api/v1/events", json=body)).raise_for_status()
        process(draining).signal(signal.SIGTERM)
        assert await exit_of(draining, within=DRAIN + MARGIN) == 0
    finally:
        for sock in stuck:
            sock.close()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(
    start_live: StartLive, project: str, number: signal.Signals, workers: str
) -> None:
    """Who asks twice does not want to wait for the drain."""
    live = start_live(STREAMER_DRAIN_SECONDS="60", STREAMER_WORKERS=workers)
    async with AsyncExitStack() as stack:
        readers = await readers_of(stack, live, f"projects/{project}", 4)
        process(live).signal(number)
        await wait_until(lambda: any(reader.ends for reader in readers), "no drain began")
        process(live).signal(number)
        await exit_of(live, within=MARGIN)


async def test_a_drain_ends_in_time_though_redis_does_not_answer(
    own_server: Server, start_live: StartLive, project: str
) -> None:
    """What would be told to Redis at the end is not worth waiting for."""
    live = start_live(redis_url=own_server.url, STREAMER_DRAIN_SECONDS="0.5")
    async with AsyncExitStack() as stack:
        await readers_of(stack, live, f"projects/{project}", 2)
        own_server.freeze()
        process(live).signal(signal.SIGTERM)
        assert await exit_of(live, within=0.5 + MARGIN) == 0


async def test_who_started_servers_leaves_their_port_to_them_as_they_drain(
    start_live: StartLive, project: str
) -> None:
    """Else the kernel took connections after their end, and reset them at that of the parent."""
    live = start_live(STREAMER_DRAIN_SECONDS="60", STREAMER_WORKERS="2")
    async with AsyncExitStack() as stack:
        readers = await readers_of(stack, live, f"projects/{project}", 2)
        assert listens(process(live).pid, live.port)
        process(live).signal(signal.SIGTERM)
        await wait_until(lambda: any(reader.ends for reader in readers), "no drain began")
        assert not listens(process(live).pid, live.port)
        process(live).signal(signal.SIGTERM)
        await exit_of(live, within=MARGIN)
