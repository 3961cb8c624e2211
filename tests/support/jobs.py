"""What the tests of publishers and jobs stand on."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from dramatiq import Broker, Message
from dramatiq.worker import Worker

from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.eventlog.base import BatchKey, EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.new_event import NewEvent
from streamer.events.snapshot import Snapshot
from streamer.jobs.broker import create_broker
from streamer.jobs.transcode.ffmpeg import run_ffmpeg
from streamer.jobs.worker import open_publisher
from streamer.publishing.sync_publisher import SyncPublisher

from .requirements import needs
from .servers import Server
from .waiting import wait_until


class UnreliableLog(MemoryEventLog):
    """A log in memory that can be away, lose replies, or be slow to answer.

    Attributes:
        refusals: appends, from now on, that fail before anything is stored.
        lost_replies: appends after those that store, and fail nevertheless.
        batches: how many events each append was given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.lost_replies = 0
        self.batches: list[int] = []
        self._open = threading.Event()
        self._open.set()

    def go_away(self) -> None:
        """Refuse every append until `come_back`."""
        self.refusals = 1_000_000_000

    def come_back(self) -> None:
        self.refusals = 0

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        self.batches.append(len(events))
        if self.refusals:
            self.refusals -= 1
            raise LogUnavailable("away, says the test")
        ids = await super().append_all(events, batch)
        if self.lost_replies:
            self.lost_replies -= 1
            raise LogUnavailable("the reply is lost, says the test")
        return ids


async def events_of(log: EventLog, topic: str) -> list[Event]:
    """All events of a topic that the log holds."""
    page = await log.read([topic], ORIGIN, 10_000)
    return list(page.events)


async def bodies_of(log: EventLog, topic: str) -> list[dict[str, Any]]:
    """The decoded bodies of all events of a topic."""
    return [msgspec.json.decode(event.body) for event in await events_of(log, topic)]


def deliver_again(broker: Broker, message: Message[Any]) -> None:
    """Do what Dramatiq does about a message that was not acknowledged: no hook is called."""
    queue, id_ = message.queue_name, message.options["redis_message_id"]
    broker.do_enqueue(queue, id_, message.encode())  # type: ignore[attr-defined]


class JobWatcher:
    """Sees what a job tells, and waits for it."""

    def __init__(self, log: EventLog) -> None:
        self.log: Final = log

    async def bodies(self, job_id: str) -> list[dict[str, Any]]:
        return await bodies_of(self.log, f"jobs/{job_id}")

    async def story(self, job_id: str) -> list[str]:
        """Each event in a word, its status or else its type, but what is told while it runs."""
        return [
            body["status"] if body["type"] == "status" else body["type"]
            for body in await self.bodies(job_id)
            if body["type"] not in {"progress", "log", "partial"}
        ]

    async def snapshot(self, job_id: str) -> Snapshot:
        topic = f"jobs/{job_id}"
        return (await self.log.snapshots([topic]))[topic]

    async def ended(self, job_id: str) -> list[dict[str, Any]]:
        """Wait for the job's end; return the bodies of all its events."""

        async def over() -> bool:
            return (await self.snapshot(job_id)).terminal is not None

        await wait_until(over, f"job {job_id} did not end")
        return await self.bodies(job_id)

    async def came_to(self, job_id: str, fraction: float) -> None:
        """Wait until the progress of the job is `fraction`."""

        async def there() -> bool:
            return (await self.snapshot(job_id)).progress == fraction

        await wait_until(there, f"the progress of job {job_id} never was {fraction}")

    async def told(self, job_id: str, word: str, *, times: int = 1) -> None:
        """Wait until the story of the job has `word` in it so many times."""

        async def found() -> bool:
            return (await self.story(job_id)).count(word) >= times

        await wait_until(found, f"job {job_id} never told {word!r}")


@pytest.fixture
def job_settings(redis_server: Server, prefix: str, tmp_path: Path) -> Settings:
    """Settings over the session's Redis, with directories of the test's own."""
    settings = Settings(redis_url=redis_server.url, prefix=prefix, data_dir=tmp_path / "data")
    settings.media_dir.mkdir(parents=True)
    return settings


@pytest.fixture
async def redis_log(job_settings: Settings) -> AsyncIterator[RedisEventLog]:
    """The event log of `job_settings`."""
    assert job_settings.redis_url is not None
    log = RedisEventLog(job_settings.redis_url, prefix=job_settings.prefix)
    yield log
    await log.close()


@pytest.fixture
def watcher(redis_log: RedisEventLog) -> JobWatcher:
    """Watches the jobs of `job_settings`."""
    return JobWatcher(redis_log)


@pytest.fixture
def job_publisher(job_settings: Settings) -> Iterator[SyncPublisher]:
    """The publisher of a worker."""
    with open_publisher(job_settings) as publisher:
        yield publisher


@pytest.fixture
def job_broker(job_settings: Settings, job_publisher: SyncPublisher) -> Iterator[Broker]:
    """A broker whose jobs are told, and retried at once."""
    broker = create_broker(job_settings, job_publisher, max_retries=2, retry_seconds=(0.01, 0.02))
    yield broker
    broker.client.close()


@contextmanager
def working(broker: Broker, *, threads: int = 2) -> Iterator[Worker]:
    """Run the broker's jobs in this process."""
    worker = Worker(broker, worker_timeout=20, worker_threads=threads)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=5000)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a small video with sound."""
    needs("ffmpeg")
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    run_ffmpeg(
        [
            *("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1"),
            *("-f", "lavfi", "-i", "sine=duration=1"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            *("-c:a", "aac", "-shortest", str(path)),
        ]
    )
    return path
