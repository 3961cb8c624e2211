"""An upgrade while everything goes on: older and newer servers on one log, and the way back."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.publishing.sync_publisher import SyncPublisher
from support.fault_publishers import FaultPublisher, HttpPublisher, WorkerPublisher
from support.fault_readers import FaultReader, Poller, SseReader, WebSocketReader
from support.live import Live, StartLive
from support.nginx import nginx_before
from support.older import older_source  # noqa: F401 - a fixture of these tests alone
from support.reading import ids_of, read_all
from support.servers import Server
from support.verdict import judge

KEEPS: Final = 100_000


async def is_older(server: Live) -> bool:
    """Whether a server is of before readers had a rate: it does not know the word."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get("/api/v1/events?topic=t&after=0-0&rate=10")
    assert answer.is_success or "rate" in answer.json()["detail"], answer.text
    return not answer.is_success


async def restart(server: Live, source: Path | None) -> None:
    """Stop a server in order, and start that of `source` in its place, or today's."""
    program = server.program
    assert program is not None
    program.signal(signal.SIGTERM)
    assert await asyncio.to_thread(program.wait) == 0, str(program)
    if source is None:
        del server.environ["PYTHONPATH"]
    else:
        server.environ["PYTHONPATH"] = str(source)
    await asyncio.to_thread(server.start)
    assert await is_older(server) is (source is not None)


async def test_an_upgrade_under_load_and_the_way_back_lose_nothing(
    start_live: StartLive,
    redis_server: Server,
    older_source: Path,  # noqa: F811
    short_dir: Path,
    prefix: str,
) -> None:
    """Two servers, one after the other; readers and publishers go from the one to the other."""
    settings = {
        "STREAMER_PREFIX": prefix,
        "STREAMER_DRAIN_SECONDS": "0.5",
        "STREAMER_RETRY_MS": "100",
        "STREAMER_RETENTION_LENGTH": str(KEEPS),
        "PYTHONPATH": str(older_source),
        # Its sources are as fresh as its directory: they are to be compiled once.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    servers = [start_live(**settings) for _ in range(2)]
    assert all([await is_older(server) for server in servers])
    topic = "projects/p1"
    retention = RetentionPolicy(Retention(KEEPS, 86400.0))

    def open_log() -> RedisEventLog:
        return RedisEventLog(redis_server.url, prefix=prefix, retention=retention)

    async with AsyncExitStack() as stack:
        log = open_log()
        stack.push_async_callback(log.close)
        url = stack.enter_context(nginx_before([server.port for server in servers], short_dir))
        readers: list[FaultReader] = [
            await stack.enter_async_context(kind(url, topic))
            for kind in (SseReader, WebSocketReader, Poller)
            for _ in range(2)
        ]
        for reader in readers:
            await reader.is_live()
        worker = stack.enter_context(SyncPublisher(open_log))  # the workers are newer already
        http = [HttpPublisher(url, topic, keyed=keyed) for keyed in (True, False)]
        publishers: list[FaultPublisher] = [*http, WorkerPublisher(worker, topic)]
        for one in http:
            one.proxied = True
        for publisher in publishers:
            await stack.enter_async_context(publisher)
        for server, source in ((servers[0], None), (servers[1], None), (servers[0], older_source)):
            await restart(server, source)
        for publisher in publishers:
            await publisher.finish()
        last = ids_of(await read_all(log, [topic], ORIGIN))[-1]
        for reader in readers:
            await reader.reach(last)
        verdict = await judge(log, topic, readers, publishers)
        verdict.check()
        assert verdict.declared == 0
        assert [reader.refusals for reader in readers] == [[]] * len(readers)
        assert sum(reader.told.get("reconnect", 0) for reader in readers) >= 4
