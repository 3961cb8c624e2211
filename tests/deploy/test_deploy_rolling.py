from __future__ import annotations

import asyncio
import secrets
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from support.fault_publishers import HttpPublisher
from support.fault_readers import FaultReader, Poller, SseReader, WebSocketReader
from support.live import Live, StartLive
from support.proxies import NAMES, proxy_before
from support.reading import ids_of, read_all
from support.servers import Server
from support.verdict import judge
from support.waiting import wait_until

KEEPS = 100_000


#: Events a second of each publisher: there are two behind each proxy.
_RATE = 20.0


class Fleet:
    """Two servers of one log, for any number of proxies before them."""

    def __init__(self, servers: list[Live], redis_url: str) -> None:
        self.servers = servers
        self.ports = [server.port for server in servers]
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


class Front:
    """One proxy, with a topic that is read and published to through it alone."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.topic = f"projects/{name}-{secrets.token_hex(4)}"
        self.readers: list[FaultReader] = []
        self.publishers: list[HttpPublisher] = []

    async def begin(self, stack: AsyncExitStack, *, readers: int) -> None:
        """Read over every transport, and publish with keys and without."""
        for kind in (SseReader, WebSocketReader, Poller):
            for _ in range(readers):
                reader = await stack.enter_async_context(kind(self.url, self.topic))
                self.readers.append(reader)
        for reader in self.readers:
            await reader.is_live()
        for keyed in (True, False):
            publisher = HttpPublisher(self.url, self.topic, keyed=keyed, rate=_RATE)
            publisher.proxied = True
            self.publishers.append(await stack.enter_async_context(publisher))

    async def published(self, log: RedisEventLog) -> list[Cursor]:
        """Publish no more; all that came of it."""
        for publisher in self.publishers:
            await publisher.finish()
            publisher.is_well()
        return ids_of(await read_all(log, [self.topic], ORIGIN))


@pytest.fixture
def fleet(start_live: StartLive, redis_server: Server, prefix: str) -> Fleet:
    settings = {
        "STREAMER_PREFIX": prefix,
        "STREAMER_DRAIN_SECONDS": "1",
        "STREAMER_RETRY_MS": "100",
        "STREAMER_RETENTION_LENGTH": str(KEEPS),
    }
    return Fleet([start_live(**settings) for _ in range(2)], redis_server.url)


async def test_a_rolling_restart_loses_nothing_over_any_transport_behind_any_proxy(
    fleet: Fleet, short_dir: Path
) -> None:
    """Readers are sent from the one server to the other and back; none misses an event."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(fleet.log.close)
        fronts = [
            Front(name, stack.enter_context(proxy_before(name, fleet.ports, short_dir / name)))
            for name in NAMES
        ]
        for front in fronts:
            await front.begin(stack, readers=2)
        await fleet.restart_each()
        for front in fronts:
            last = (await front.published(fleet.log))[-1]
            for reader in front.readers:
                await reader.reach(last)
            verdict = await judge(fleet.log, front.topic, front.readers, front.publishers)
            verdict.check()
            assert verdict.declared == 0, front.name
            # Not one answer that is final for a browser: no 502 of the proxy, no 503 of ours.
            assert {str(r): r.refusals for r in front.readers if r.refusals} == {}, front.name
            # A publish on a connection that Traefik has kept may meet the end of its server.
            refusals = [r for p in front.publishers for r in p.refusals if "of the proxy" in r]
            assert len(refusals) <= (1 if front.name == "traefik" else 0), (front.name, refusals)
            moved = [reader for reader in front.readers if reader.told.get("reconnect")]
            assert len(moved) >= 4, f"{front.name}: the streams were not told to come back"


async def test_a_rolling_restart_loses_nothing_for_a_browsers_own_eventsource(
    fleet: Fleet, browser: Chrome, short_dir: Path
) -> None:
    """Chromium's EventSource, left alone: it never gives up, and every event comes once."""
    with proxy_before("nginx", fleet.ports, short_dir) as url:
        front = Front("nginx", url)
        browser.get(f"{front.url}/healthz")
        path = f"/api/v1/stream?topic={front.topic}&events=message&heartbeat=1"
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
        async with AsyncExitStack() as stack:
            stack.push_async_callback(fleet.log.close)
            await front.begin(stack, readers=0)
            await fleet.restart_each()
            published = [str(id_) for id_ in await front.published(fleet.log)]

        def seen() -> list[str]:
            assert browser.execute_script("return source.readyState") != 2, "it has given up"
            ids: list[str] = browser.execute_script("return ids")
            return ids

        await wait_until(lambda: seen()[-1:] == published[-1:], "the last event did not come")
        assert seen() == published
        assert browser.execute_script("return opened") >= 2
