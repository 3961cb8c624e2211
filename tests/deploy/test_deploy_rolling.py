from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from support.fault_publishers import HttpPublisher
from support.fault_readers import FaultReader, Poller, SseReader, WebSocketReader
from support.live import Live, StartLive
from support.nginx import nginx_before
from support.reading import ids_of, read_all
from support.servers import Server
from support.verdict import judge
from support.waiting import wait_until

KEEPS = 100_000


class Fleet:
    """Two servers of one log behind nginx."""

    def __init__(self, servers: list[Live], url: str, redis_url: str, topic: str) -> None:
        self.servers = servers
        self.url = url
        self.topic = topic
        self.log = RedisEventLog(
            redis_url,
            prefix=servers[0].environ["STREAMER_PREFIX"],
            retention=RetentionPolicy(Retention(KEEPS, 86400.0)),
        )

    async def restart_each(self) -> None:
        """Stop each server in order and start it again, one after the other."""
        for server in self.servers:
            program = server.program
            assert program is not None
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.wait) == 0, str(program)
            await asyncio.to_thread(server.start)

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[list[HttpPublisher]]:
        """Publish through nginx, with keys and without."""
        publishers = [HttpPublisher(self.url, self.topic, keyed=keyed) for keyed in (True, False)]
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.log.close)
            for publisher in publishers:
                publisher.proxied = True
                await stack.enter_async_context(publisher)
            yield publishers
            for publisher in publishers:
                publisher.is_well()


@pytest.fixture
def fleet(
    start_live: StartLive, redis_server: Server, short_dir: Path, project: str, prefix: str
) -> Iterator[Fleet]:
    settings = {
        "STREAMER_PREFIX": prefix,
        "STREAMER_DRAIN_SECONDS": "1",
        "STREAMER_RETRY_MS": "100",
        "STREAMER_RETENTION_LENGTH": str(KEEPS),
    }
    servers = [start_live(**settings) for _ in range(2)]
    with nginx_before([server.port for server in servers], short_dir) as url:
        yield Fleet(servers, url, redis_server.url, f"projects/{project}")


async def test_a_rolling_restart_loses_nothing_over_any_transport(fleet: Fleet) -> None:
    """Readers are sent from the one server to the other and back; none misses an event."""
    readers: list[FaultReader] = [
        kind(fleet.url, fleet.topic)
        for kind in (SseReader, WebSocketReader, Poller)
        for _ in range(4)
    ]
    async with AsyncExitStack() as stack:
        for reader in readers:
            await stack.enter_async_context(reader)
            await reader.is_live()
        publishers = await stack.enter_async_context(fleet.publishing())
        await fleet.restart_each()
        for publisher in publishers:
            await publisher.finish()
        head = await fleet.log.head()
        last = ids_of(await read_all(fleet.log, [fleet.topic], ORIGIN))[-1]
        assert last <= head
        for reader in readers:
            await reader.reach(last)
        verdict = await judge(fleet.log, fleet.topic, readers, publishers)
        verdict.check()
        assert verdict.declared == 0
        # Not one answer that is final for a browser: no 502 of nginx, no 503 of ours.
        assert [reader.refusals for reader in readers] == [[]] * len(readers)
        assert all("of the proxy" not in r for p in publishers for r in p.refusals)
        moved = [reader for reader in readers if reader.told.get("reconnect")]
        assert len(moved) >= 8, "the streams were not told to come back"


async def test_a_rolling_restart_loses_nothing_for_a_browsers_own_eventsource(
    fleet: Fleet, browser: Chrome
) -> None:
    """Chromium's EventSource, left alone: it never gives up, and every event comes once."""
    browser.get(f"{fleet.url}/healthz")
    path = f"/api/v1/stream?topic={fleet.topic}&events=message&heartbeat=1"
    browser.execute_script(
        """
        window.ids = []; window.opened = 0;
        window.source = new EventSource(arguments[0]);
        source.onopen = () => { opened += 1; };
        source.onmessage = (message) => {
          const body = JSON.parse(message.data);
          if (body.id) ids.push(body.id);
          if (body.type === "connected") window.start ??= body.cursor;
        };
        """,
        path,
    )
    await wait_until(lambda: browser.execute_script("return window.start"), "no EventSource")
    async with fleet.publishing() as publishers:
        await fleet.restart_each()
        for publisher in publishers:
            await publisher.finish()
        published = [str(id_) for id_ in ids_of(await read_all(fleet.log, [fleet.topic], ORIGIN))]

    def seen() -> list[str]:
        assert browser.execute_script("return source.readyState") != 2, "it has given up"
        ids: list[str] = browser.execute_script("return ids")
        return ids

    await wait_until(lambda: seen()[-1:] == published[-1:], "the last event did not come")
    assert seen() == published
    assert browser.execute_script("return opened") >= 2
