"""Jobs whose worker dies, freezes or comes back: real workers, real signals."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from streamer.config.settings import Settings
from streamer.eventlog.leases import Lease
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.snapshot import Snapshot
from streamer.jobs import running
from streamer.jobs.keys import end_key, retry_key, start_key
from streamer.jobs.lifecycle import CANCEL_TASK, CANCELLING, Run
from streamer.jobs.progress import Progress
from streamer.jobs.running import RunningJob, RunningJobs
from streamer.jobs.stalls import StallWatch
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from streamer.publishing.sync_publisher import SyncPublisher
from support.jobs import JobWatcher, bodies_of
from support.live import StartLive
from support.processes import Program
from support.servers import FakeClock, Server
from support.waiting import wait_until, wait_until_blocking

#: Seconds; the shortest that is allowed.
LEASE = 2.0

#: A worker whose death Dramatiq notices after a second, with a job that runs until
#: there is a file.
WORKER = """
import pathlib, sys, threading
import dramatiq, streamer
from streamer.jobs.broker import create_broker
from streamer.jobs.worker import Stop, open_publisher, run_until
from streamer.config.settings import Settings

settings = Settings.from_env()
publisher = open_publisher(settings)
broker = create_broker(settings, publisher, heartbeat_timeout=1, maintenance_chance=1_000_000)

@dramatiq.actor(broker=broker)
def steady(*, until):
    job, steps = streamer.progress(), 0
    while not pathlib.Path(until).exists():
        steps += 1
        job.update(steps / (steps + 100))
        job.raise_if_cancelled()
        threading.Event().wait(0.05)
    return "done"

if sys.argv[1:]:
    message = steady.send_with_options(kwargs={"until": sys.argv[1]}, project_id="p1")
    print(message.message_id)
print("working", flush=True)
run_until(Stop(), broker, threads=1)
"""


@pytest.fixture
def leased(job_settings: Settings) -> Settings:
    """Settings with the shortest lease."""
    return replace(job_settings, lease_seconds=LEASE)


@pytest.fixture
async def watches(leased: Settings) -> AsyncIterator[None]:
    """What three servers do about stalled jobs."""
    assert leased.redis_url is not None
    logs = [RedisEventLog(leased.redis_url, prefix=leased.prefix) for _ in range(3)]
    tasks = [asyncio.create_task(StallWatch(log, Publisher(log), LEASE).run()) for log in logs]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for log in logs:
        await log.close()


class Workers:
    """Starts workers of one deployment; all are stopped."""

    def __init__(self, settings: Settings, until: Path) -> None:
        self._environ = settings.to_env()
        self._stack = ExitStack()
        self._until = until

    def start(self, *arguments: str) -> Program:
        command = [sys.executable, "-c", WORKER, *arguments]
        return self._stack.enter_context(Program(command, environ=self._environ))

    def start_with_job(self) -> tuple[Program, str]:
        """A worker, and the id of the job that it runs."""
        worker = self.start(str(self._until))
        return worker, worker.wait_for(r"^[0-9a-f-]{36}$")[0]

    def finish(self) -> None:
        """Let the job come to its end."""
        self._until.touch()

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def workers(leased: Settings, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(leased, tmp_path / "until")
    yield workers
    workers.stop()


@pytest.fixture
def jobs(leased: Settings, redis_log: RedisEventLog) -> Jobs:
    return Jobs(leased, redis_log, Publisher(redis_log))


async def progressed(watcher: JobWatcher, job_id: str) -> None:
    """Wait until the job runs and has told progress."""

    async def some() -> bool:
        return ((await watcher.snapshot(job_id)).progress or 0) > 0

    await wait_until(some, f"job {job_id} told no progress")


async def test_a_job_whose_worker_is_killed_is_stalled_once_then_runs_again_and_ends(
    start_live: StartLive,
    leased: Settings,
    workers: Workers,
    watcher: JobWatcher,
    redis_log: RedisEventLog,
) -> None:
    """Two real servers look; the stream says so, and tells of the next attempt."""
    for _ in range(2):
        start_live(STREAMER_PREFIX=leased.prefix, STREAMER_LEASE_SECONDS=f"{LEASE:g}")
    worker, job_id = workers.start_with_job()
    await progressed(watcher, job_id)
    worker.signal(signal.SIGKILL)
    await watcher.told(job_id, "stalled")
    snapshot = await watcher.snapshot(job_id)
    assert (snapshot.status, snapshot.attempt) == ("stalled", 1)
    assert (snapshot.message or "").startswith("No sign of life from the worker for 2 s")
    workers.start()
    await watcher.told(job_id, "started", times=2)
    workers.finish()
    bodies = await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "stalled", "started", "completed"]
    told = [body for body in bodies if body["type"] != "progress"]
    assert [body.get("attempt") for body in told] == [None, 1, 1, 2, 2]
    assert await bodies_of(redis_log, "projects/p1") == bodies


async def test_a_worker_that_was_frozen_goes_on_with_its_job_which_runs_again(
    watches: None, workers: Workers, watcher: JobWatcher
) -> None:
    worker, job_id = workers.start_with_job()
    await progressed(watcher, job_id)

    async def runs() -> bool:
        return (await watcher.snapshot(job_id)).status == "running"

    for times in (1, 2):
        worker.signal(signal.SIGSTOP)
        await watcher.told(job_id, "stalled", times=times)
        worker.signal(signal.SIGCONT)
        await wait_until(runs, "the job did not run again")
    workers.finish()
    bodies = await watcher.ended(job_id)
    story = [word for word in await watcher.story(job_id) if word != "running"]
    assert story == ["queued", "started", "stalled", "stalled", "completed"]
    assert bodies[-1]["attempt"] == 1


async def test_a_worker_that_was_frozen_is_silent_once_another_has_taken_over(
    watches: None, workers: Workers, watcher: JobWatcher
) -> None:
    """Not one event of the first attempt comes after the start of the second."""
    worker, job_id = workers.start_with_job()
    await progressed(watcher, job_id)
    worker.signal(signal.SIGSTOP)
    await watcher.told(job_id, "stalled")
    workers.start()
    await watcher.told(job_id, "started", times=2)
    worker.signal(signal.SIGCONT)
    worker.wait_for("was skipped")
    workers.finish()
    bodies = await watcher.ended(job_id)
    story = await watcher.story(job_id)
    assert story == ["queued", "started", "stalled", "started", "completed"]
    second = next(n for n, body in enumerate(bodies) if body.get("attempt") == 2)
    assert {body["attempt"] for body in bodies[second:]} == {2}


class CountingWatch(StallWatch):
    """Counts how often it has looked, and was answered.

    Attributes:
        looks: see above.
    """

    looks = 0

    async def look(self) -> None:
        await super().look()
        self.looks += 1


@pytest.mark.parametrize("crash", [True, False], ids=["killed", "frozen"])
async def test_a_job_that_outlives_an_outage_of_redis_is_never_called_stalled(
    leased: Settings, own_server: Server, tmp_path: Path, crash: bool
) -> None:
    """Redis is away for longer than the lease, and no sign of life could come."""
    settings = replace(leased, redis_url=own_server.url)
    log = RedisEventLog(own_server.url, prefix=settings.prefix)
    watcher, workers = JobWatcher(log), Workers(settings, tmp_path / "until")
    watch = CountingWatch(log, Publisher(log), LEASE)
    watching = asyncio.create_task(watch.run())
    try:
        _, job_id = workers.start_with_job()
        await progressed(watcher, job_id)
        if crash:
            own_server.kill()
        else:
            own_server.freeze()
        # An outage this long is what the test is about: nobody can be asked meanwhile.
        back = time.monotonic() + LEASE * 1.25
        await wait_until(lambda: time.monotonic() > back, "time stood still")
        if crash:
            own_server.start()
        else:
            own_server.thaw()
        before, looks = await log.head(), watch.looks

        async def went_on() -> bool:
            # Between two looks is a tenth of a lease at least: a dozen outlast it.
            snapshot = await watcher.snapshot(job_id)
            return snapshot.cursor > before and watch.looks >= looks + 12

        await wait_until(went_on, "the job did not go on")
        workers.finish()
        await watcher.ended(job_id)
        assert await watcher.story(job_id) == ["queued", "started", "completed"]
    finally:
        workers.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await log.close()


async def test_a_stalled_job_is_cancelled_at_once_and_not_started_again(
    watches: None, workers: Workers, watcher: JobWatcher, jobs: Jobs
) -> None:
    worker, job_id = workers.start_with_job()
    await progressed(watcher, job_id)
    worker.signal(signal.SIGKILL)
    await watcher.told(job_id, "stalled")
    for _ in range(2):
        assert (await jobs.cancel(job_id))["status"] == "cancelled"
    workers.start().wait_for("was skipped")
    assert await watcher.story(job_id) == ["queued", "started", "stalled", "cancelled"]


async def test_a_job_that_was_to_be_cancelled_when_its_worker_died_is_cancelled(
    watches: None, workers: Workers, watcher: JobWatcher, jobs: Jobs
) -> None:
    """There is nobody to wait for."""
    worker, job_id = workers.start_with_job()
    await progressed(watcher, job_id)
    worker.signal(signal.SIGSTOP)
    assert (await jobs.cancel(job_id))["status"] == "running"
    await watcher.ended(job_id)
    worker.signal(signal.SIGCONT)
    worker.wait_for("was skipped")
    assert await watcher.story(job_id) == ["queued", "started", "cancelling", "cancelled"]


TOPICS = ("projects/p1", "jobs/j1")


def test_a_lease_is_renewed_several_times_while_it_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or a job would be called stalled as soon as one sign of life comes late or is lost."""
    now, pauses, renewals = 0.0, list[float](), list[float]()
    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(running, "every_until", lambda _, pause, *_a, **_o: pauses.append(pause))
    log = MemoryEventLog()
    renew = log.leases.renew

    async def noted(leases: Sequence[Lease], seconds: float) -> None:
        renewals.append(seconds)
        await renew(leases, seconds)

    monkeypatch.setattr(log.leases, "renew", noted)
    with SyncPublisher(lambda: log) as publisher:
        job = RunningJob(Run(TOPICS, "work"), 1, Progress(lambda *_: None))
        jobs = RunningJobs(publisher, lease_seconds=LEASE)
        jobs.add(job)
        wait_until_blocking(lambda: pauses, "nobody looks after the job")
        for _ in range(int(LEASE / pauses[0])):
            now += pauses[0]
            jobs.look()
    assert set(renewals) == {LEASE}
    assert len(renewals) >= 4


class Abandoned:
    """A log in memory, with a job on it whose worker is gone."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = MemoryEventLog(clock=self.clock)
        self.publisher = Publisher(self.log)
        self.watch = StallWatch(self.log, self.publisher, 10.0)
        self.watcher = JobWatcher(self.log)

    async def begin(self) -> None:
        await self.log.leases.renew([Lease("j1", TOPICS, 1, "work")], 10.0)
        await self.publisher.status(
            TOPICS, "started", attempt=1, idempotency_key=start_key("j1", 1)
        )

    async def let_lapse(self) -> None:
        """And look after the next lapse, too."""
        for _ in range(10):
            self.clock.advance(3000)
            await self.watch.look()

    async def story(self) -> list[str]:
        return await self.watcher.story("j1")


@pytest.mark.parametrize(
    ("told", "fields", "key"),
    [
        ("completed", {"result": 1, "attempt": 1}, end_key("j1")),
        ("error", {"error": "boom", "attempt": 1}, end_key("j1")),
        ("status", {"status": "cancelled"}, end_key("j1")),
        ("status", {"status": "retrying", "attempt": 1}, retry_key("j1", 1)),
        ("status", {"status": "started", "attempt": 2}, start_key("j1", 2)),
    ],
)
async def test_a_job_that_went_on_in_any_way_is_not_called_stalled(
    told: str, fields: dict[str, Any], key: str
) -> None:
    """Its worker told that, and died before it could release the lease."""
    job = Abandoned()
    await job.begin()
    await job.publisher.publish(TOPICS, told, fields, idempotency_key=key)
    before = await job.story()
    await job.let_lapse()
    assert await job.story() == before
    assert job.log.leases._held == {}


async def test_an_end_that_is_told_in_the_moment_of_the_lapse_is_the_last_word() -> None:
    """After the server has looked at the job, and before it tells."""
    job = Abandoned()
    await job.begin()
    snapshots = job.log.snapshots

    async def snapshots_then_end(topics: Sequence[str]) -> dict[str, Snapshot]:
        seen = await snapshots(topics)
        await job.publisher.completed(TOPICS, attempt=1, idempotency_key=end_key("j1"))
        return seen

    job.log.snapshots = snapshots_then_end  # type: ignore[method-assign]
    for _ in range(5):
        job.clock.advance(3000)
        await job.watch.look()
    assert await bodies_of(job.log, "jobs/j1") == await bodies_of(job.log, "projects/p1")
    assert await job.story() == ["started", "completed"]


async def test_a_job_that_stalls_twice_is_told_twice() -> None:
    """If it came back in between, were it only for a moment."""
    job = Abandoned()
    await job.begin()
    await job.let_lapse()
    await job.publisher.progress(TOPICS, 0.5, attempt=1)
    await job.let_lapse()
    assert await job.story() == ["started", "stalled", "stalled"]


async def test_servers_that_see_the_same_lapse_at_once_tell_it_once() -> None:
    job = Abandoned()
    await job.begin()
    servers = [StallWatch(job.log, Publisher(job.log), 10.0) for _ in range(5)]
    for _ in range(10):
        job.clock.advance(3000)
        await asyncio.gather(*(server.look() for server in servers))
    assert await job.story() == ["started", "stalled"]


async def test_a_job_whose_worker_died_before_it_told_the_start_is_stalled() -> None:
    job = Abandoned()
    await job.log.leases.renew([Lease("j1", TOPICS, 1, "work")], 10.0)
    await job.publisher.status(TOPICS, "queued")
    await job.let_lapse()
    assert await job.story() == ["queued", "stalled"]


async def test_a_stalled_job_that_was_to_be_cancelled_is_cancelled() -> None:
    job = Abandoned()
    await job.begin()
    await job.publisher.status(TOPICS, CANCELLING, task_name=CANCEL_TASK)
    await job.let_lapse()
    assert await job.story() == ["started", CANCELLING, "cancelled"]


async def test_a_later_run_that_stalls_is_reported_as_that_run() -> None:
    """And a lease that an earlier run has left behind says nothing of it."""
    job = Abandoned()
    await job.log.leases.renew([Lease("j1", TOPICS, 3, "work")], 10.0)
    await job.log.leases.renew([Lease("j1:again", TOPICS, 1, "work")], 10.0)
    for status in ("queued", "started"):
        await job.publisher.status(
            TOPICS,
            status,
            task_name="work",
            attempt=None if status == "queued" else 1,
            run="again",
        )
    await job.let_lapse()
    assert await job.story() == ["queued", "started", "stalled"]
    stalled = (await job.watcher.bodies("j1"))[-1]
    assert (stalled["run"], stalled["attempt"]) == ("again", 1)
