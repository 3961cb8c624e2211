"""Jobs that wait for a worker that is not there: they say so, and when one comes."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import msgspec
import pytest
from dramatiq import Broker
from dramatiq.worker import Worker

from streamer import SyncPublisher
from streamer.config.settings import Settings
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.kinds import QUEUE, JobKind
from streamer.jobs.runs import begin_run
from streamer.jobs.submit import Jobs
from streamer.jobs.waiting import PATIENCE, SELDOM_SECONDS, WaitingWatch
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher, working
from support.waiting import wait_until


class Bench:
    """Two servers that look for jobs without a worker, by a clock in the test's hand."""

    def __init__(self, log: EventLog) -> None:
        self.now = 0.0
        self.log = log
        self.watcher = JobWatcher(log)
        self.publisher = Publisher(log)
        self._watches = [
            WaitingWatch(log, self.publisher, clock=lambda: self.now) for _ in range(2)
        ]

    async def queue(self, job_id: str, queue: str = "default") -> None:
        await self.publisher.status(
            ("projects/p", f"jobs/{job_id}"),
            "queued",
            task_name="encode",
            metadata={"queue": queue},
        )

    async def look(self, after: float = 0.0) -> None:
        self.now += after
        for watch in self._watches:
            await watch.look()


@pytest.fixture
def bench() -> Bench:
    return Bench(MemoryEventLog())


async def test_a_job_that_waits_for_nobody_says_so_once_and_when_a_worker_comes(
    bench: Bench,
) -> None:
    await bench.queue("j")
    await bench.look()
    await bench.look(PATIENCE - 0.1)
    assert await bench.watcher.story("j") == ["queued"]
    for _ in range(3):
        await bench.look(PATIENCE)
    snapshot = await bench.watcher.snapshot("j")
    assert await bench.watcher.story("j") == ["queued", "waiting"]
    assert (snapshot.status, snapshot.message) == (
        "queued",
        "Waiting: no worker is running for the queue 'default'",
    )
    assert (await bench.watcher.bodies("j"))[-1]["project_id"] == "p"
    await bench.log.workers.announce("w", ["default"])
    for _ in range(2):
        await bench.look(1)
    assert await bench.watcher.story("j") == ["queued", "waiting", "queued"]
    assert (await bench.watcher.snapshot("j")).message == "Queued"
    await bench.log.workers.withdraw("w")
    for _ in range(2):
        await bench.look(PATIENCE)
    assert (await bench.watcher.story("j"))[-1] == "waiting"


async def test_a_worker_of_another_queue_is_none(bench: Bench) -> None:
    await bench.queue("slow", "slow")
    await bench.queue("fast", "fast")
    await bench.log.workers.announce("w", ["fast", "default"])
    for _ in range(2):
        await bench.look(PATIENCE)
    assert await bench.watcher.story("slow") == ["queued", "waiting"]
    assert await bench.watcher.story("fast") == ["queued"]


async def test_while_there_are_workers_jobs_are_seldom_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look reads the snapshots of many; it finds a queue that nobody takes jobs from."""
    looks: list[int] = []
    topics = bench.log.topics

    async def counted(prefix: str, limit: int) -> dict[str, int]:
        looks.append(limit)
        return await topics(prefix, limit)

    monkeypatch.setattr(bench.log, "topics", counted)
    await bench.log.workers.announce("w", ["default"])
    await bench.queue("default")
    for _ in range(10):
        await bench.look(SELDOM_SECONDS / 10 - 0.1)
    assert len(looks) == 2  # one of each server
    await bench.queue("slow", "slow")
    await bench.look(SELDOM_SECONDS)
    await bench.look(PATIENCE)
    assert await bench.watcher.story("slow") == ["queued", "waiting"]


async def test_nothing_is_said_of_jobs_that_run_are_over_or_are_not_of_dramatiq(
    bench: Bench,
) -> None:
    for job_id in ("running", "over"):
        await bench.queue(job_id)
    await bench.publisher.status("jobs/running", "started", task_name="encode")
    await bench.publisher.completed("jobs/over", task_name="encode")
    await bench.publisher.status("jobs/foreign", "queued", task_name="elsewhere")
    for _ in range(2):
        await bench.look(PATIENCE)
    for job_id in ("running", "over", "foreign"):
        assert "waiting" not in await bench.watcher.story(job_id)


async def test_a_later_run_that_waits_says_so_too(bench: Bench) -> None:
    message: dramatiq.Message[None] = dramatiq.Message("default", "encode", (), {}, {})
    run = begin_run(message, first=False)
    await bench.publisher.status(
        "jobs/j", "queued", task_name="encode", run=run, metadata={"queue": "default"}
    )
    for _ in range(2):
        await bench.look(PATIENCE)
    assert (await bench.watcher.bodies("j"))[-1]["run"] == run


@pytest.fixture
def waiting(job_settings: Settings, redis_log: RedisEventLog) -> Iterator[Jobs]:
    class Nothing(msgspec.Struct):
        pass

    kind = JobKind(name="nothing", parameters=Nothing, run=lambda *_: None)
    jobs = Jobs(job_settings, redis_log, Publisher(redis_log), kinds={"nothing": kind})
    yield jobs
    jobs.close()


async def test_who_queues_or_looks_at_a_job_reads_how_many_workers_there_are_for_it(
    job_broker: Broker, redis_log: RedisEventLog, waiting: Jobs
) -> None:
    """Whatever broker the worker has: it announces itself in the event log."""

    @dramatiq.actor(broker=job_broker, queue_name="elsewhere")
    def other() -> None:
        pass

    accepted = await waiting.submit("p", {"kind": "nothing"})
    assert accepted["workers"] == 0
    assert "no worker is running" in accepted["message"]
    assert (await waiting.state(accepted["task_id"]))["workers"] == 0
    with working(job_broker):
        await wait_until(redis_log.workers.queues, "the worker did not announce itself")
        # Of another queue, until there is an actor for this one.
        assert (await waiting.submit("p", {"kind": "nothing"}))["workers"] == 0
    await wait_until(lambda: _nobody(redis_log), "the worker did not withdraw")
    await redis_log.workers.announce("one", [QUEUE])
    answer = await waiting.submit("p", {"kind": "nothing"})
    assert (answer["workers"], answer["message"]) == (1, "Queued: nothing")
    assert [job["workers"] for job in (await waiting.recent(3)).jobs] == [1, 1, 1]


async def _nobody(log: RedisEventLog) -> bool:
    return await log.workers.queues() == []


async def test_a_worker_announces_the_queues_that_it_takes_jobs_from(
    job_broker: Broker, redis_log: RedisEventLog
) -> None:
    """All that are declared, or those that it was started for."""
    for name in ("fast", "slow"):
        job_broker.declare_queue(name)
    for queues, announced in ((None, {"fast", "slow"}), ({"slow"}, {"slow"})):
        worker = Worker(job_broker, queues=queues, worker_timeout=20, worker_threads=1)
        worker.start()
        try:
            found = await wait_until(redis_log.workers.queues, "the worker is not announced")
            assert found == [frozenset(announced)]
        finally:
            worker.stop(timeout=5000)
        assert await redis_log.workers.queues() == []


async def test_a_worker_whose_event_log_is_away_starts_and_stops(
    job_settings: Settings,
) -> None:
    from streamer.jobs.broker import create_broker

    with SyncPublisher(lambda: RedisEventLog("unix:///nowhere/at/all.sock")) as publisher:
        broker = create_broker(job_settings, publisher)
        with working(broker):
            pass
        broker.client.close()
