"""What faults happen to: a Redis, a server, readers and publishers, with a proxy between each."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import httpx

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.sync_publisher import SyncPublisher

from .fault_bystanders import Bystander, Wire
from .fault_leavers import Leavers
from .fault_load import Crowd, Load
from .fault_publishers import FaultPublisher, HttpPublisher, WorkerPublisher
from .fault_readers import (
    SILENCE,
    FaultReader,
    GzipReader,
    Poller,
    SseReader,
    WebSocketReader,
    ZstdReader,
)
from .fault_several import (
    ChangingReader,
    Herald,
    SeveralReader,
    SeveralSseReader,
    SpreadPublisher,
)
from .live import Live
from .processes import Program
from .servers import Server
from .tcp_proxy import TcpProxy
from .waiting import wait_until, wait_until_blocking

#: From where modules of the tests are found.
TESTS: Final = Path(__file__).parent.parent


class QuickLive(Live):
    """A server whose log gives up and probes soon."""

    #: The module that is run, and its arguments.
    module: tuple[str, ...] = ("support.quick_server",)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", *self.module]
        self.program = self._stack.enter_context(Program(command, environ=self.environ, cwd=TESTS))
        wait_until_blocking(self._is_ready, "the server did not become ready")


class Stage:
    """A Redis and a server of the test's own, and a proxy on either side of the server.

    Attributes:
        redis_line: between the server and Redis.
        client_line: between clients and the server.
        worker_line: between a worker and Redis.
        log: straight to Redis, for the judge; each load has its own.
        topic: what everybody publishes and reads; each load has its own.
    """

    #: What a server of it is.
    live: type[QuickLive] = QuickLive

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
        self.server: Final = self.live("fast", self.redis_line.redis_url, data_dir, **given)
        self.client_line = self._stack.enter_context(TcpProxy(("127.0.0.1", self.server.port)))
        self.prefix: Final = self.server.environ["STREAMER_PREFIX"]
        self.retention: Final = RetentionPolicy(
            Retention(int(given["STREAMER_RETENTION_LENGTH"]), 86400.0)
        )
        self._keys: Final = Keys(self.prefix, 0)
        self.log = self.open_log(redis.url)
        #: Whether the log keeps more than a test can publish.
        self.keeps_all = int(given["STREAMER_RETENTION_LENGTH"]) >= 100_000

    @property
    def url(self) -> str:
        """Where publishers publish to."""
        return self.server.url

    @property
    def stream_key(self) -> str:
        """The key in Redis of the topic's events."""
        return self.stream_key_of(self.topic)

    def stream_key_of(self, topic: str) -> str:
        """The same of any topic."""
        return self._keys.stream(topic)

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
        self,
        *,
        readers: int = 1,
        worker: bool = True,
        rate: float = 40.0,
        crowd: bool = False,
        silence: float = SILENCE,
    ) -> AsyncIterator[Load]:
        """Put `readers` of each kind and all publishers to work, until they are live.

        Of server-sent events some ask for a content coding, the first for gzip. Readers
        take so many seconds of `silence` before they come back.

        With a `crowd`: readers of several topics too, and all those of a `Crowd`.
        """
        async with AsyncExitStack() as stack:
            self.log = self.open_log(self.redis.url)
            stack.push_async_callback(self.log.close)
            self._loads += 1
            self.topic = f"projects/stage-{self._loads}"
            kinds: list[Callable[[str, str], FaultReader]] = [
                *islice(cycle((GzipReader, SseReader, ZstdReader)), readers),
                *[WebSocketReader] * readers,
                *[Poller] * readers,
            ]
            found = [kind(self.client_line.url, self.topic) for kind in kinds]
            topics = [self.topic, f"{self.topic}-b", f"{self.topic}-c"]
            if crowd:
                several: list[type[SeveralReader]] = [SeveralSseReader, *[ChangingReader] * 2]
                found += [
                    kind(self.client_line.url, topics, self.random.getrandbits(32))
                    for kind in several
                ]
            for reader in found:
                reader.silence = silence
                await stack.enter_async_context(reader)
            for reader in found:
                await reader.is_live()
            publishers: list[FaultPublisher] = [
                HttpPublisher(self.url, self.topic, keyed=keyed, rate=rate)
                for keyed in (True, False)
            ]
            if worker:
                publisher = SyncPublisher(
                    lambda: self.open_log(self.worker_line.redis_url), block_seconds=3600
                )
                stack.callback(publisher.close)
                publishers.append(WorkerPublisher(publisher, self.topic, rate=rate))
            if crowd:
                publishers.append(SpreadPublisher(self.url, topics, rate=rate))
                publishers.append(Herald(self.url, topics, rate=8))
            for one in publishers:
                await stack.enter_async_context(one)
            load = Load(self, found, publishers)
            if crowd:
                load.crowd = await stack.enter_async_context(self._crowd(found, topics))
            await load.flows()
            yield load

    @asynccontextmanager
    async def _crowd(
        self, readers: Sequence[FaultReader], topics: Sequence[str]
    ) -> AsyncIterator[Crowd]:
        port = self.server.port
        leavers = Leavers(port, topics, lambda: readers[0].cursor, self.random.getrandbits(32))
        quiet = f"projects/quiet-{self._loads}"
        wires: tuple[Wire, ...] = ("sse", "websocket")
        bystanders = [Bystander(port, quiet, wire) for wire in wires]
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(leavers)
            for one in bystanders:
                await stack.enter_async_context(one)
            yield Crowd(leavers, bystanders)


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
