"""What faults happen to: a Redis, a server, readers and publishers, with a proxy between each."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from streamer.cursor import Cursor
from streamer.eventlog.keys import Keys
from streamer.eventlog.redis import RedisEventLog
from streamer.retention import Retention, RetentionPolicy
from streamer.sync_publisher import SyncPublisher

from .fault_bystanders import Bystander, Wire
from .fault_census import counted, counted_everywhere, let_in
from .fault_leavers import Leavers
from .fault_publishers import FaultPublisher, HttpPublisher, WorkerPublisher
from .fault_readers import FaultReader, Poller, SseReader, WebSocketReader
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


#: Readers that one address may have where there is a crowd, for its limit to be met.
CROWD_LIMIT: Final = 48


@dataclass(frozen=True)
class Crowd:
    """Who else is there: clients that leave at any moment, and two that hear nothing."""

    leavers: Leavers
    bystanders: list[Bystander]


class Load:
    """Readers of every kind and publishers of every kind, at work on one topic."""

    def __init__(
        self, stage: Stage, readers: list[FaultReader], publishers: list[FaultPublisher]
    ) -> None:
        self.stage: Final = stage
        self.readers: Final = readers
        self.publishers: Final = publishers
        self.crowd: Crowd | None = None
        #: Whether the log must still have all that was acknowledged.
        self.keeps_all = stage.keeps_all

    @property
    def http(self) -> list[HttpPublisher]:
        """The publishers over HTTP."""
        return [p for p in self.publishers if isinstance(p, HttpPublisher)]

    def is_well(self) -> bool:
        """Return True, or raise what anybody found wrong by itself."""
        return all(one.is_well() for one in self._everybody())

    def _everybody(self) -> Iterator[FaultReader | FaultPublisher | Leavers | Bystander]:
        yield from self.readers
        yield from self.publishers
        if self.crowd is not None:
            yield self.crowd.leavers
            yield from self.crowd.bystanders

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
            for one in self._everybody():
                error.add_note(str(one))
            raise

    async def settle(self, *, keeps_all: bool = True) -> Verdict:
        """Let the publishers finish, the readers reach the head, and judge."""
        heralds = [one for one in self.publishers if isinstance(one, Herald)]
        for publisher in self.publishers:
            if publisher not in heralds:
                await publisher.finish()
        for herald in heralds:
            await self._gather(herald)
            await herald.finish()
        heads = {topic: await self.last_id(topic) for topic in self.topics}
        for reader in self.readers:
            await reader.reach(max(heads[topic] for topic in reader.topics))
        verdict = Verdict()
        for topic in self.topics:
            readers = [one for one in self.readers if topic in one.topics]
            verdict.add(
                await judge(self.stage.log, topic, readers, self.publishers, keeps_all=keeps_all)
            )
        verdict.check()
        if self.crowd is not None:
            await self.count(self.crowd)
        return verdict

    @property
    def topics(self) -> list[str]:
        """All that anybody reads here and publishes to."""
        return list(dict.fromkeys(topic for one in self.readers for topic in one.topics))

    async def _gather(self, herald: Herald) -> None:
        """Have all who change their topics rest, with all that came until then."""
        several = [one for one in self.readers if isinstance(one, SeveralReader)]
        for reader in several:
            reader.rest()
        await self.waits(
            lambda: not any(one.places.missing for one in several), "not all came back"
        )
        last = herald.next
        await self.waits(
            lambda: any(
                number > last and all(one.places.have_all(id_) for one in several)
                for number, id_ in herald.stored.items()
                if id_ is not None
            ),
            "nobody gave all that was published before",
        )

    async def count(self, crowd: Crowd, *, deadline: float = 20.0) -> None:
        """Compare the server's count with who is there, when those who left are gone."""
        await crowd.leavers.stop()
        # Clients that gave up a dead line have left it as dead as it was.
        self.stage.client_line.release()
        await self.waits(lambda: all(one.beats for one in crowd.bystanders), "no heartbeat came")

        def there() -> Counter[str]:
            live = [one for one in self.readers if one.live and not isinstance(one, Poller)]
            counts = Counter(topic for one in live for topic in one.subscribed)
            counts.update(one.topic for one in crowd.bystanders if one.connected)
            return counts

        url = self.stage.server.url

        async def agree() -> bool:
            return await counted(url) == there().total()

        async def agree_everywhere() -> bool:
            projects = {
                f"projects/{name}": n for name, n in (await counted_everywhere(url)).items()
            }
            return projects == there()

        try:
            await wait_until(agree, "the server counts others than are there", deadline=deadline)
            spare = CROWD_LIMIT - len(self.readers) - len(crowd.bystanders)
            assert await let_in(self.stage.server.port, spare) == spare, "limits were not free"
            await wait_until(agree, "the server counts who has left", deadline=deadline)
            if self.stage.long:
                # The log forgets a killed process after 15 s, and not before.
                await wait_until(agree_everywhere, "there were ghost readers", deadline=40)
        except AssertionError as error:
            error.add_note(f"there: {there()}")
            error.add_note(f"counted: {await counted(url)}, {await counted_everywhere(url)}")
            raise

    async def last_id(self, topic: str | None = None) -> Cursor:
        """The id of the last event of `topic`, by default the load's own."""
        with self.stage.redis.client() as client:
            key = self.stage.stream_key_of(topic or self.stage.topic)
            entries: Any = client.xrevrange(key, count=1)
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
        self, *, readers: int = 1, worker: bool = True, rate: float = 40.0, crowd: bool = False
    ) -> AsyncIterator[Load]:
        """Put `readers` of each kind and all publishers to work, until they are live.

        With a `crowd`: readers of several topics too, and all those of a `Crowd`.
        """
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
            topics = [self.topic, f"{self.topic}-b", f"{self.topic}-c"]
            if crowd:
                kinds: list[type[SeveralReader]] = [SeveralSseReader, *[ChangingReader] * 2]
                found += [
                    await stack.enter_async_context(
                        kind(self.client_line.url, topics, self.random.getrandbits(32))
                    )
                    for kind in kinds
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
            if crowd:
                publishers.append(SpreadPublisher(self.server.url, topics, rate=rate))
                publishers.append(Herald(self.server.url, topics, rate=8))
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
