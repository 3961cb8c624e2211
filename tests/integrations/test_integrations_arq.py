"""``streamer.install`` for arq: real workers on a real Redis, killed and restarted.

arq wants a redis-py below 6. So its programs run with what ``requirements/arq.txt`` names,
the oldest redis-py that we allow: whatever of ours they and their server use is tried with it.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from support.documents import file_in
from support.helping import assert_all_was_told
from support.jobs import JobWatcher
from support.live import StartLive
from support.processes import Program, descendants
from support.processes import streamer as command
from support.servers import Server

DOCUMENT: Final = "docs/QUEUES.md"
LEASE: Final = 2.0
#: Where `make` puts arq and the redis-py that it wants.
ARQ: Final = Path(sys.prefix) / "arq"

TASKS: Final = """
import asyncio, json, os
from datetime import timedelta
import redis
from arq import Retry, create_pool, cron
from arq.connections import RedisSettings
from arq.constants import in_progress_key_prefix
from arq.jobs import Job
from arq.worker import func

import streamer
from support import helping
from support.waiting import wait_until

assert int(redis.__version__.split(".")[0]) < 6, redis.__version__


async def add(ctx, one, other=0, *, project_id=None):
    streamer.progress().update(0.5, "adding")
    return one + other


async def fickle(ctx):
    if ctx["job_try"] == 1:
        raise Retry(defer=0.01) from OSError("disk full")
    return ctx["job_try"]


async def hopeless(ctx):
    raise OSError("no disk")


async def ever_again(ctx):
    raise Retry


async def tells(ctx):
    try:
        return await asyncio.to_thread(helping.tell_all)
    except OSError as error:
        raise Retry from error


async def untellable(ctx):
    return object


async def nested(ctx):
    return (await ctx["redis"].enqueue_job("add", 1, 2)).job_id


async def endless(ctx):
    await asyncio.Event().wait()


async def patient(ctx):
    told = streamer.progress().update  # which is where it stops
    await wait_until(lambda: told(0.1), "it was not cancelled")


async def held(ctx, until):
    streamer.progress().update(0.25)
    await wait_until(lambda: os.path.exists(until), "it was not let go")
    return "done"


async def nightly(ctx):
    return "it was night"


async def value(enqueued):
    return await (await enqueued).result(timeout=60)


async def error(pool, job_id):
    return str((await Job(job_id, pool).result_info()).result)


async def abort(pool, job_id, timeout=0):
    try:
        return await Job(job_id, pool).abort(timeout=timeout)
    except asyncio.TimeoutError:
        return "not yet"


class WorkerSettings:
    functions = [
        add, fickle, hopeless, tells, untellable, nested, patient, held,
        func(ever_again, max_tries=2),
        func(endless, timeout=0.2),
    ]
    cron_jobs = [cron(nightly, second=0, run_at_startup=True)]
    redis_settings = RedisSettings.from_dsn(os.environ["BROKER"])
    poll_delay = 0.05
    allow_abort_jobs = True


publisher = streamer.install(WorkerSettings)
assert streamer.install(WorkerSettings) is publisher
"""

ASK: Final = """
from tasks import *

async def ask():
    pool = await create_pool(WorkerSettings.redis_settings)
    answers = [await each for each in [{calls}]]
    await pool.aclose()
    return [getattr(each, "job_id", each) for each in answers]

print(json.dumps(asyncio.run(ask())))
"""


class Stage:
    """Workers of the tasks above, and whoever enqueues them; all on one Redis."""

    def __init__(self, directory: Path, server: Server, settings: Settings) -> None:
        self.directory: Final = directory
        ours = [path for path in sys.path if path.endswith(("/src", "/tests"))]
        self.environ: Final = {
            "BROKER": server.url,
            "STREAMER_REDIS_URL": str(settings.redis_url),
            "STREAMER_PREFIX": settings.prefix,
            "STREAMER_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": ":".join([str(ARQ), *ours]),
        }
        self.stack: Final = ExitStack()
        (directory / "tasks.py").write_text(TASKS)

    def start_worker(self) -> Program:
        program = self.stack.enter_context(
            Program(
                [sys.executable, "-m", "arq", "tasks.WorkerSettings"],
                cwd=self.directory,
                environ=self.environ,
            )
        )
        program.wait_for("redis_version")
        return program

    def ask(self, *calls: str) -> list[Any]:
        """Enqueue jobs from a process of its own; their ids, or what else a call gives."""
        code = ASK.format(calls=", ".join(calls))
        command = [sys.executable, "-W", "ignore", "-c", code]
        with Program(command, cwd=self.directory, environ=self.environ) as sender:
            assert sender.wait() == 0, sender.err
            answers: list[Any] = msgspec.json.decode(sender.out.splitlines()[-1])
        return answers


@pytest.fixture
def stage(own_server: Server, job_settings: Settings) -> Iterator[Stage]:
    if not ARQ.is_dir():
        reason = f"{ARQ} is not there; it is made by: make test"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        stage = Stage(Path(name), own_server, job_settings)
        yield stage
        stage.stack.close()


@pytest.fixture
async def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    """Jobs as a server sees them."""
    return Jobs(job_settings, redis_log, Publisher(redis_log))


async def test_a_job_says_all_of_its_life(stage: Stage, watcher: JobWatcher) -> None:
    """What succeeds, is retried, fails, is late, is a part, and what cron begins."""
    ids = stage.ask(
        "pool.enqueue_job('add', 1, other=2, project_id='p1')",
        "pool.enqueue_job('fickle')",
        "pool.enqueue_job('hopeless')",
        "pool.enqueue_job('ever_again')",
        "pool.enqueue_job('tells')",
        "pool.enqueue_job('untellable')",
        "pool.enqueue_job('nested')",
        "pool.enqueue_job('endless')",
        "pool.enqueue_job('forgotten')",
        "pool.enqueue_job('add', 3, _defer_by=timedelta(seconds=0.1), _job_id='later')",
        "pool.enqueue_job('add', 4, _job_id='later')",
    )
    assert ids.pop() is None
    stage.start_worker()
    told = [await watcher.ended(each) for each in ids]
    assert [await watcher.story(each) for each in ids] == [
        ["queued", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "error"],
        ["queued", *("started", "retrying") * 2, "error"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "completed"],
        ["queued", "started", "completed"],
        ["queued", "started", "error"],
        ["queued", "error"],
        ["queued", "started", "completed"],
    ]
    added, fickle, hopeless, again, tells, untellable, nested, late, forgotten, later = told
    assert {each["topic"] for each in added} == {"projects/p1"}
    assert [each["progress"] for each in added if each["type"] == "progress"] == [0.5]
    assert added[0]["metadata"] == {"queue": "arq:queue"}
    assert added[-1]["result"] == 3
    assert [each["attempt"] for each in fickle if "attempt" in each] == [1, 1, 2, 2]
    assert fickle[2]["metadata"] == {"error": "disk full", "delay": 0.01}
    assert (hopeless[-1]["error"], hopeless[-1]["details"]) == ("no disk", {"type": "OSError"})
    assert again[-1]["error"] == "max 2 retries exceeded"
    assert_all_was_told(tells)
    assert "is unsupported" in untellable[-1]["result_omitted"]
    assert late[-1]["details"] == {"type": "TimeoutError"}
    assert "'forgotten' not found" in forgotten[-1]["error"]
    assert later[-1]["result"] == 3
    inner = await watcher.ended(nested[-1]["result"])
    assert [each.get("parent_id") for each in inner[:2]] == [ids[6]] * 2
    assert await watcher.log.workers.queues() == [frozenset({"arq:queue"})]
    nights = [each for each in await watcher.log.topics("jobs/", 100) if "nightly" in each]
    assert nights  # one at the start, and another if a minute has begun since
    for each in nights:
        assert (await watcher.ended(each.removeprefix("jobs/")))[-1]["result"] == "it was night"


async def test_a_job_that_is_cancelled_stops_and_whoever_waits_for_it_is_told(
    stage: Stage, watcher: JobWatcher, jobs: Jobs
) -> None:
    """By a server or by arq, while it waits and while it runs."""
    told_off, taken_back = stage.ask(
        "pool.enqueue_job('patient')", "pool.enqueue_job('patient', _job_id='back')"
    )
    await jobs.cancel(told_off)
    assert stage.ask("abort(pool, 'back')") == ["not yet"]
    stage.start_worker()
    running, aborted = stage.ask("pool.enqueue_job('patient')", "pool.enqueue_job('patient')")
    for each in (running, aborted):
        await watcher.came_to(each, 0.1)
    await jobs.cancel(running)
    assert stage.ask(f"abort(pool, '{aborted}', 30)") == [True]
    for each in (told_off, taken_back, running, aborted):
        assert (await watcher.ended(each))[-1]["status"] == "cancelled"
    assert await watcher.story(told_off) == ["queued", "cancelled"]
    assert await watcher.story(taken_back) == ["queued", "cancelled"]
    assert await watcher.story(running) == ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(aborted) == ["queued", "started", "cancelled"]
    assert stage.ask(f"error(pool, '{told_off}')", f"error(pool, '{running}')") == [
        *("cancelled before it was started", "the job was cancelled")
    ]


async def test_a_worker_that_stops_or_is_killed_leaves_its_job_to_the_next(
    start_live: StartLive, stage: Stage, watcher: JobWatcher, tmp_path: Path
) -> None:
    """One that is asked to stop says so; of one that is killed a server says `stalled`."""
    start_live(**{name: value for name, value in stage.environ.items() if name != "BROKER"})
    worker = stage.start_worker()
    (held,) = stage.ask(f"pool.enqueue_job('held', {str(tmp_path / 'until')!r})")
    await watcher.came_to(held, 0.25)
    worker.signal(signal.SIGTERM)
    await watcher.told(held, "retrying")
    assert worker.wait() == 0, worker.err
    worker = stage.start_worker()
    await watcher.told(held, "started", times=2)
    for each in (worker.pid, *descendants(worker.pid)):
        os.kill(each, signal.SIGKILL)
    await watcher.told(held, "stalled")
    stage.start_worker()
    stage.ask(f"pool.delete(in_progress_key_prefix + '{held}')")  # as after `job_timeout`
    await watcher.told(held, "started", times=3)
    (tmp_path / "until").touch()
    told = await watcher.ended(held)
    assert await watcher.story(held) == [
        *("queued", "started", "retrying", "started", "stalled", "started", "completed")
    ]
    assert [each["attempt"] for each in told if each.get("status") == "started"] == [1, 2, 3]
    assert told[-1]["result"] == "done"


def test_jobs_are_done_while_nothing_can_be_reported(stage: Stage) -> None:
    stage.environ["STREAMER_REDIS_URL"] = "redis://127.0.0.1:1"
    stage.start_worker()
    assert stage.ask("value(pool.enqueue_job('add', 1, 2))") == [3]


def test_jobs_of_one_process_are_reported_to_one_log(stage: Stage) -> None:
    code = "import tasks; tasks.streamer.install(tasks.WorkerSettings, prefix='other')"
    with Program([sys.executable, "-c", code], cwd=stage.directory, environ=stage.environ) as one:
        assert one.wait() == 1
    assert "ValueError: arq's jobs of this process are reported already" in one.err


def test_a_job_of_ones_own_takes_fifteen_lines_and_is_watched_in_a_shell(
    stage: Stage, start_live: StartLive
) -> None:
    """As the document shows, with a worker of arq's own command."""
    code = file_in(DOCUMENT, "arq_tasks.py")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    at = f"    redis_settings = RedisSettings.from_dsn({stage.environ['BROKER']!r})\n"
    helper = TASKS[: TASKS.index("async def add(")] + TASKS[TASKS.index("async def value(") :]
    helper = helper[: helper.index("class WorkerSettings")]
    lines = code.replace("class WorkerSettings:\n", f"class WorkerSettings:\n{at}")
    (stage.directory / "tasks.py").write_text(f"{helper}\n{lines}")
    live = start_live(
        **{name: value for name, value in stage.environ.items() if "STREAMER" in name}
    )
    stage.start_worker()
    stage.ask("pool.enqueue_job('thumbnails', ['cover', 'index'], project_id='demo')")
    watch = ("tail", "projects/demo", "--from", "earliest", "--until", "end", "--url", live.url)
    with command(*watch) as tail:
        assert tail.wait() == 0, tail
    told = [msgspec.json.decode(line) for line in tail.out.splitlines()]
    steps = [each.get("status", each["type"]) for each in told if "job_id" in each]
    # How often it says how far it is, is a matter of time.
    assert [step for step, _ in groupby(steps)] == ["queued", "started", "in_progress", "completed"]
    assert told[-1]["result"] == 2
