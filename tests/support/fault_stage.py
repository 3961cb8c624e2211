"""What faults happen to: a Redis, a server, readers and publishers, with a proxy between each."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from streamer.cursor import Cursor
from streamer.eventlog.keys import Keys
from streamer.eventlog.redis import RedisEventLog
from streamer.retention import Retention, RetentionPolicy
from streamer.sync_publisher import SyncPublisher

from .fault_publishers import FaultPublisher, HttpPublisher, WorkerPublisher
from .fault_readers import FaultReader, Poller, SseReader, WebSocketReader
from .live import Live
from .processes import Program
from .servers import Server
from .tcp_proxy import TcpProxy
from .verdict import Verdict, judge
from .waiting import wait_until, wait_until_blocking


class QuickLive(Live):
    """A server whose log gives up and probes soon."""

    def start(self) -> None:
        """Start it and wait until it is ready."""
        tests = Path(__file__).parent.parent
        command = [sys.executable, "-m", "support.quick_server"]
        self.program = self._stack.enter_context(Program(command, environ=self.environ, cwd=tests))
        wait_until_blocking(self._is_ready, "the server did not become ready")


class Load:
    """Readers of every kind and publishers of every kind, at work on one topic."""

    def __init__(
        self, stage: Stage, readers: list[FaultReader], publishers: list[FaultPublisher]
    ) -> None:
        self.stage: Final = stage
        self.readers: Final = readers
        self.publishers: Final = publishers
        #: Whether the log must still have all that was acknowledged.
        self.keeps_all = stage.keeps_all

    @property
    def http(self) -> list[HttpPublisher]:
        """The publishers over HTTP."""
        return [p for p in self.publishers if isinstance(p, HttpPublisher)]

    def is_well(self) -> bool:
        """Return True, or raise what a reader or a publisher found wrong by itself."""
        readers = all(reader.is_well() for reader in self.readers)
        return readers and all(publisher.is_well() for publisher in self.publishers)

    async def flows(self, count: int = 5, *, deadline: float = 20.0) -> None:
        """Wait until every reader has seen `count` more events."""
        counts = [len(reader.seen) for reader in self.readers]

        def all_have() -> bool:
            pairs = zip(self.readers, counts, strict=True)
            return all(len(r.seen) >= was + count for r, was in pairs)

        await self.waits(all_have, "not everybody was served", deadline=deadline)

    async def refused(self) -> str:
        """Wait until every publisher over HTTP is refused; return what the last was told."""
        counts = [len(publisher.refusals) for publisher in self.http]
        await self.waits(
            lambda: all(len(p.refusals) > was for p, was in zip(self.http, counts, strict=True)),
            "publishers were never refused",
        )
        return self.http[-1].refusals[-1]

    async def stores(self, count: int) -> None:
        """Wait until `count` more events were acknowledged, whoever reads them."""

        def number() -> int:
            return sum(len(publisher.stored) for publisher in self.publishers)

        was = number()
        await self.waits(lambda: number() >= was + count, f"{count} events were not stored")

    async def waits(
        self, condition: Callable[[], bool], what: str, *, deadline: float = 20.0
    ) -> None:
        """Wait until `condition` is true, while every reader and every publisher is well."""
        try:
            await wait_until(lambda: self.is_well() and condition(), what, deadline=deadline)
        except AssertionError as error:
            for one in (*self.readers, *self.publishers):
                error.add_note(str(one))
            raise

    async def settle(self, *, keeps_all: bool = True) -> Verdict:
        """Let the publishers finish, the readers reach the head, and judge."""
        for publisher in self.publishers:
            await publisher.finish()
        head = await self.last_id()
        for reader in self.readers:
            await reader.reach(head)
        verdict = await judge(
            self.stage.log, self.stage.topic, self.readers, self.publishers, keeps_all=keeps_all
        )
        verdict.check()
        return verdict

    async def last_id(self) -> Cursor:
        """The id of the topic's last event."""
        with self.stage.redis.client() as client:
            entries: Any = client.xrevrange(self.stage.stream_key, count=1)
        assert entries, "nothing was published"
        return Cursor.parse(entries[0][0].decode())


class Stage:
    """A Redis and a server of the test's own, and a proxy on either side of the server.

    Attributes:
        redis_line: between the server and Redis.
        client_line: between clients and the server.
        worker_line: between a worker and Redis.
        log: straight to Redis, for the judge; each load has its own.
        topic: what everybody publishes and reads; each load has its own.
    """

    def __init__(self, redis: Server, seed: int, data_dir: Path, **settings: str) -> None:
        self.redis: Final = redis
        self.topic = "projects/stage"
        #: Whether faults take as long as in the world, not as short as in a test.
        self.long = False
        self._loads = 0
        self.random: Final = random.Random(seed)
        self._stack: Final = ExitStack()
        path = redis.url.removeprefix("unix://")
        self.redis_line: Final = self._stack.enter_context(TcpProxy(path))
        self.worker_line: Final = self._stack.enter_context(TcpProxy(path))
        given = {
            "STREAMER_RETENTION_LENGTH": "1000000",
            "STREAMER_MAX_CONNECTIONS_PER_CLIENT": "0",
            "STREAMER_LOG_LEVEL": "info",
            **settings,
        }
        self.server: Final = QuickLive("fast", self.redis_line.redis_url, data_dir, **given)
        self.client_line: Final = self._stack.enter_context(
            TcpProxy(("127.0.0.1", self.server.port))
        )
        self.prefix: Final = self.server.environ["STREAMER_PREFIX"]
        self.retention: Final = RetentionPolicy(
            Retention(int(given["STREAMER_RETENTION_LENGTH"]), 86400.0)
        )
        self._keys: Final = Keys(self.prefix, 0)
        self.log = self.open_log(redis.url)
        #: Whether the log keeps more than a test can publish.
        self.keeps_all = int(given["STREAMER_RETENTION_LENGTH"]) >= 100_000

    @property
    def stream_key(self) -> str:
        """The key in Redis of the topic's events."""
        return self._keys.stream(self.topic)

    @property
    def clock_key(self) -> str:
        """The key in Redis of the last id that was given."""
        return self._keys.clock

    def open_log(self, url: str) -> RedisEventLog:
        """An event log that shares the server's keys."""
        return RedisEventLog(
            url, prefix=self.prefix, retention=self.retention, timeout=1.0, probe_interval=0.2
        )

    def start(self) -> None:
        """Start the server."""
        self.server.start()

    def stop(self) -> None:
        """Stop the server and the proxies."""
        if self.server.program is not None:
            print(self.server.program.err[-6000:])  # noqa: T201 - pytest shows it with a failure
        self.server.kill()
        self._stack.close()

    async def is_ready(self, *, ready: bool = True) -> None:
        """Wait until ``/readyz`` says so."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

            async def says() -> bool:
                try:
                    answer = await client.get(f"{self.server.url}/readyz")
                except httpx.HTTPError:
                    return False
                return answer.is_success is ready

            await wait_until(says, f"the server was never {'' if ready else 'un'}ready")

    @asynccontextmanager
    async def load(
        self, *, readers: int = 1, worker: bool = True, rate: float = 40.0
    ) -> AsyncIterator[Load]:
        """Put `readers` of each kind and all publishers to work, until they are live."""
        async with AsyncExitStack() as stack:
            self.log = self.open_log(self.redis.url)
            stack.push_async_callback(self.log.close)
            self._loads += 1
            self.topic = f"projects/stage-{self._loads}"
            found: list[FaultReader] = [
                await stack.enter_async_context(kind(self.client_line.url, self.topic))
                for kind in (SseReader, WebSocketReader, Poller)
                for _ in range(readers)
            ]
            for reader in found:
                await reader.is_live()
            publishers: list[FaultPublisher] = [
                HttpPublisher(self.server.url, self.topic, keyed=keyed, rate=rate)
                for keyed in (True, False)
            ]
            if worker:
                publisher = SyncPublisher(lambda: self.open_log(self.worker_line.redis_url))
                stack.callback(publisher.close)
                publishers.append(WorkerPublisher(publisher, self.topic, rate=rate))
            for one in publishers:
                await stack.enter_async_context(one)
            load = Load(self, found, publishers)
            await load.flows()
            yield load


@contextmanager
def staged(redis: Server, seed: int, directory: Path, **settings: str) -> Iterator[Stage]:
    """A stage with its server running."""
    stage = Stage(redis, seed, directory, **settings)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


def seed_of_the_run() -> int:
    """``STREAMER_FAULT_SEED``, else one of a fixed run; printed, so that a failure shows it."""
    seed = int(os.environ.get("STREAMER_FAULT_SEED", "1"))
    print(f"STREAMER_FAULT_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    return seed
