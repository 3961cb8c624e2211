"""``with streamer.job(…)``: a job in a script, a cron or a thread, without any queue."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

import streamer
from streamer import Job, JobCancelled
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from support.documents import file_in
from support.jobs import JobWatcher, bodies_of
from support.live import StartLive
from support.processes import Program

NOWHERE: Final = "redis://127.0.0.1:1"
#: Makes a job in the log of the test.
Make = Callable[..., Job]

SCRIPT: Final = """
import sys, threading
import streamer

with streamer.job("nightly", project="p1", id="nightly-1") as job:
    job.progress(0.5, "half way")
    print("attempt", job.attempt, flush=True)
    if job.attempt == 1:
        threading.Event().wait()
    job.result = "done"
"""


@pytest.fixture
def make(job_settings: Settings) -> Make:
    """Jobs of the test's own log."""

    def make(task_name: str = "encode", **options: Any) -> Job:  # noqa: ANN401
        return streamer.job(
            task_name, redis_url=job_settings.redis_url, prefix=job_settings.prefix, **options
        )

    return make


@pytest.fixture
async def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    """Jobs as a server sees them."""
    return Jobs(job_settings, redis_log, Publisher(redis_log))


async def test_a_block_is_a_job_that_says_all_of_its_life(make: Make, watcher: JobWatcher) -> None:
    with make(project="p1") as job:
        job.progress(0.25, "a quarter", fps=24)
        assert streamer.progress().job_id == job.id
        streamer.progress().update(1.0)
        job.result = {"frames": 240}
    queued, started, first, last, completed = await watcher.bodies(job.id)
    assert [queued["status"], started["status"]] == ["queued", "started"]
    assert (first["progress"], first["message"], first["metadata"]) == (
        *(0.25, "a quarter"),
        {"fps": 24},
    )
    assert last["progress"] == 1.0
    assert (completed["type"], completed["result"]) == ("completed", {"frames": 240})
    for each in (queued, started, first, last, completed):
        assert (each["topic"], each["task_name"]) == ("projects/p1", "encode")
    assert streamer.progress().job_id is None
    assert await watcher.log.leases.lapsed(0) == []


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (OSError("disk full"), "error", "disk full"),
        (SystemExit(3), "error", "exit code 3"),
        (SystemExit(0), "completed", None),
        (KeyboardInterrupt(), "status", None),
        (JobCancelled("enough"), "status", None),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else None,
)
async def test_what_is_raised_ends_the_job_and_goes_on(
    make: Make, watcher: JobWatcher, error: BaseException, kind: str, said: str | None
) -> None:
    with pytest.raises(type(error)) as raised, make() as job:
        raise error
    assert raised.value is error
    end = (await watcher.bodies(job.id))[-1]
    assert (end["type"], end.get("error")) == (kind, said)
    assert kind != "status" or end["status"] == "cancelled"


async def test_a_job_that_somebody_cancels_stops_at_its_next_step(
    make: Make, watcher: JobWatcher, jobs: Jobs
) -> None:
    job = make()

    def work() -> None:
        with job:
            asyncio.run_coroutine_threadsafe(jobs.cancel(job.id), loop).result()
            for _ in job.track(iter(lambda: job.cancelled, None)):
                threading.Event().wait(0.01)

    loop = asyncio.get_running_loop()
    with pytest.raises(JobCancelled):
        await asyncio.to_thread(work)
    assert job.cancelled
    assert (await watcher.story(job.id))[-2:] == ["cancelling", "cancelled"]


async def test_a_job_within_a_job_is_a_part_of_it(make: Make, watcher: JobWatcher) -> None:
    """And the one around goes on where it was, also within a step of a `track`."""
    with make("all") as around:
        for part in around.track([make("one"), make("two")]):
            with part:
                part.progress(0.5)
            for _ in streamer.track(range(2)):
                assert streamer.progress().job_id == around.id
            assert streamer.progress().fraction in {0.5, 1.0}
            assert (await watcher.bodies(part.id))[0]["parent_id"] == around.id
    assert "parent_id" not in (await watcher.bodies(around.id))[0]


async def test_jobs_of_one_loop_each_have_their_own_progress(
    make: Make, watcher: JobWatcher
) -> None:
    both = asyncio.Barrier(2)

    async def work(number: int) -> str:
        async with make() as job:
            await both.wait()
            streamer.progress().update(number / 10)
            job.result = number
        return job.id

    for number, job_id in enumerate(await asyncio.gather(work(0), work(1))):
        assert await watcher.story(job_id) == ["queued", "started", "completed"]
        (progress,) = [each for each in await watcher.bodies(job_id) if "progress" in each]
        assert progress["progress"] == number / 10


async def test_a_task_that_is_cancelled_is_a_job_that_was(make: Make, watcher: JobWatcher) -> None:
    """Wherever it is struck: while the job runs, and already while it begins."""
    job = make()
    begun, running = asyncio.Event(), asyncio.Event()

    async def work(job: Job) -> None:
        begun.set()
        async with job:
            running.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work(job))
    await running.wait()
    task.cancel()
    (raised,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(raised, asyncio.CancelledError)
    assert await watcher.story(job.id) == ["queued", "started", "cancelled"]

    early = make()
    begun.clear()
    task = asyncio.create_task(work(early))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await watcher.story(early.id) == ["queued", "started", "cancelled"]


async def test_threads_have_a_job_each(make: Make, watcher: JobWatcher) -> None:
    both = threading.Barrier(2)

    def work(number: int) -> str:
        with make() as job:
            both.wait()
            for _ in streamer.track(range(4)):
                assert streamer.progress().job_id == job.id
            job.result = number
        return job.id

    with ThreadPoolExecutor(2) as pool:
        ids = await asyncio.to_thread(lambda: list(pool.map(work, range(2))))
    assert [(await watcher.bodies(each))[-1]["result"] for each in ids] == [0, 1]


async def test_a_job_that_was_over_is_run_again_by_its_name(
    make: Make, watcher: JobWatcher
) -> None:
    for number in range(3):
        with make(id="nightly") as job:
            job.result = number
            assert job.attempt == 1
    assert await watcher.story("nightly") == ["queued", "started", "completed"] * 3
    bodies = await watcher.bodies("nightly")
    assert [each["result"] for each in bodies if "result" in each] == [0, 1, 2]
    assert len({each.get("run") for each in bodies}) == 3


async def test_a_script_that_is_killed_is_stalled_and_started_again_it_goes_on(
    start_live: StartLive, job_settings: Settings, watcher: JobWatcher, tmp_path: Path
) -> None:
    environ = {
        "STREAMER_REDIS_URL": str(job_settings.redis_url),
        "STREAMER_PREFIX": job_settings.prefix,
        "STREAMER_LEASE_SECONDS": "2",
    }
    start_live(**environ)
    command = [sys.executable, "-c", SCRIPT]
    with Program(command, environ=environ, cwd=tmp_path) as script:
        script.wait_for("attempt 1")
        script.signal(signal.SIGKILL)
        await watcher.told("nightly-1", "stalled")
    with Program(command, environ=environ, cwd=tmp_path) as script:
        assert script.wait() == 0, script
    assert await watcher.story("nightly-1") == [
        *("queued", "started", "stalled", "started", "completed")
    ]
    bodies = await watcher.bodies("nightly-1")
    assert [each["attempt"] for each in bodies if "attempt" in each] == [1, 1, 1, 2, 2, 2]
    assert bodies[-1]["result"] == "done"


async def test_the_script_of_the_document_is_a_job(
    job_settings: Settings, redis_log: RedisEventLog
) -> None:
    environ = {
        "STREAMER_REDIS_URL": str(job_settings.redis_url),
        "STREAMER_PREFIX": job_settings.prefix,
    }
    code = file_in("docs/QUEUES.md", "encode.py")
    with Program([sys.executable, "-W", "error", "-c", code], environ=environ) as script:
        assert script.wait() == 0, script
    end = (await bodies_of(redis_log, "projects/demo"))[-1]
    assert (end["type"], end["result"]) == ("completed", {"frames": 240})


def test_what_cannot_be_reported_is_done_all_the_same(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No log at all, one that is away, and an id that no topic can have."""
    monkeypatch.setenv("STREAMER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("STREAMER_REDIS_URL", raising=False)
    done = []
    for job in (
        streamer.job("encode"),
        streamer.job("encode", redis_url=NOWHERE),
        make(id="no topic/at all"),
        make(project="neither this"),
    ):
        with job:
            for item in job.track(range(3)):
                done.append(item)  # noqa: PERF402 - it is the work
    assert done == [0, 1, 2] * 4
    assert "the job 'encode' is not reported: there is no event log" in caplog.text
    assert "jobs with such ids have no events" in caplog.text
    assert "jobs of 'encode' have events without a project" in caplog.text


async def test_a_publisher_of_ones_own_may_be_given() -> None:
    log = MemoryEventLog()
    with streamer.SyncPublisher(lambda: log) as publisher:
        with streamer.job("encode", publisher=publisher) as job:
            streamer.progress().update(0.5)
        assert await JobWatcher(log).story(job.id) == ["queued", "started", "completed"]


def test_a_job_is_entered_once(make: Make) -> None:
    job = make()
    with job, pytest.raises(RuntimeError, match="make another"), job:
        pass
