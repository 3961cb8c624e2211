"""``streamer.install`` for RQ: real workers on a real Redis, killed and restarted."""

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

TASKS: Final = """
import os, signal, threading
from datetime import timedelta
from redis import Redis
from rq import Queue, Repeat, Retry, SimpleWorker
from rq.group import Group
from rq.command import send_stop_job_command
from rq.job import Job, get_current_job

import streamer
from support import helping

redis = Redis.from_url(os.environ["BROKER"], socket_timeout=60)
queue = Queue(connection=redis)
publisher = streamer.install(queue)
assert streamer.install(queue) is publisher


class Quick(streamer.RQWorker):
    def get_heartbeat_ttl(self, *_):
        return 2  # seconds, after which a job of a worker that is gone is abandoned


class Simple(SimpleWorker, streamer.RQWorker):
    pass


def add(one, other=0, *, project_id=None):
    streamer.progress().update(0.5, "adding")
    return one + other


async def asynchronous(count):
    return len(list(streamer.track(range(count))))


def fickle():
    if get_current_job().retries_left:
        raise OSError("disk full")
    return "done"


def asks_for_more(limit):
    return Retry(max=limit)


def hopeless():
    raise OSError("no disk")


def tells():
    return helping.tell_all()


def untellable():
    return object


def unkeepable():
    return threading.Lock()


def nested():
    return queue.enqueue(add, 1, 2).id


def patient():
    while True:
        streamer.progress().update(0.1)
        threading.Event().wait(0.02)


def touch(path):
    open(path, "w").close()


def held(until):
    streamer.progress().update(0.25)
    while not os.path.exists(until):
        threading.Event().wait(0.02)
    return "done"


def suicidal():
    streamer.progress().update(0.25)
    os.kill(os.getpid(), signal.SIGKILL)


def group(*datas):
    group = Group.create(connection=redis)
    jobs = group.enqueue_many(queue, [Queue.prepare_data(add, data) for data in datas])
    return [group.name, *(job.id for job in jobs)]
"""


class Stage:
    """Workers of the tasks above, and whoever enqueues them; all on one Redis."""

    def __init__(self, directory: Path, server: Server, settings: Settings) -> None:
        self.directory: Final = directory
        self.environ: Final = {
            "BROKER": server.url,
            "STREAMER_REDIS_URL": str(settings.redis_url),
            "STREAMER_PREFIX": settings.prefix,
            "STREAMER_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": ":".join(
                [str(directory), *(path for path in sys.path if path.endswith(("/src", "/tests")))]
            ),
        }
        self.stack: Final = ExitStack()
        (directory / "tasks.py").write_text(TASKS)

    def start_worker(self, kind: str = "streamer.RQWorker", *options: str) -> Program:
        program = self.stack.enter_context(
            Program(
                [
                    *(sys.executable, "-m", "rq.cli", "worker", "--url", self.environ["BROKER"]),
                    *("--worker-class", kind, *options),
                ],
                cwd=self.directory,
                environ=self.environ,
            )
        )
        program.wait_for("Listening on default")
        return program

    def ask(self, *expressions: str) -> list[Any]:
        """Enqueue jobs from a process of its own; what each expression gives."""
        code = f"from tasks import *\nimport json\nprint(json.dumps([{', '.join(expressions)}]))"
        command = [sys.executable, "-W", "ignore", "-c", code]
        with Program(command, cwd=self.directory, environ=self.environ) as sender:
            assert sender.wait() == 0, sender.err
            answers: list[Any] = msgspec.json.decode(sender.out.splitlines()[-1])
        return answers


@pytest.fixture
def stage(own_server: Server, job_settings: Settings) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        stage = Stage(Path(name), own_server, job_settings)
        yield stage
        stage.stack.close()


@pytest.fixture
async def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    """Jobs as a server sees them."""
    return Jobs(job_settings, redis_log, Publisher(redis_log))


def parents(bodies: list[dict[str, Any]]) -> set[str | None]:
    """What the events that name a parent name."""
    return {body.get("parent_id") for body in bodies if body.get("status") in {"queued", "started"}}


@pytest.mark.parametrize("kind", ["streamer.RQWorker", "tasks.Simple"])
async def test_a_job_says_all_of_its_life(stage: Stage, watcher: JobWatcher, kind: str) -> None:
    """In a child or in place: what succeeds, what is retried, what fails."""
    stage.start_worker(kind)
    ids = stage.ask(
        "queue.enqueue(add, 1, other=2, project_id='p1').id",
        "queue.enqueue(asynchronous, 4, meta={'project_id': 'p2'}).id",
        "queue.enqueue(fickle, retry=Retry(max=1)).id",
        "queue.enqueue(hopeless, retry=Retry(max=1)).id",
        "queue.enqueue(asks_for_more, 1).id",
        "queue.enqueue(tells, retry=Retry(max=1)).id",
        "queue.enqueue(untellable).id",
        "queue.enqueue(unkeepable).id",
        "queue.enqueue('tasks.forgotten').id",
    )
    told = [await watcher.ended(each) for each in ids]
    assert [await watcher.story(each) for each in ids] == [
        ["queued", "started", "completed"],
        ["queued", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "retrying", "started", "error"],
        ["queued", "started", "retrying", "started", "error"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "completed"],
        ["queued", "started", "error"],
        ["queued", "started", "error"],
    ]
    added, asynchronous, fickle, hopeless, asks, tells, untellable, unkeepable, forgotten = told
    assert {each["topic"] for each in added} == {"projects/p1"}
    assert {each["topic"] for each in asynchronous} == {"projects/p2"}
    assert [each["progress"] for each in added if each["type"] == "progress"] == [0.5]
    assert [each["progress"] for each in asynchronous if each["type"] == "progress"][-1] == 1.0
    assert added[0]["metadata"] == {"queue": "default"}
    assert (added[-1]["result"], added[-1]["task_name"]) == (3, "tasks.add")
    assert [each["attempt"] for each in fickle if "attempt" in each] == [1, 1, 2, 2]
    assert fickle[2]["metadata"] == {"error": "disk full", "delay": 0.0}
    assert (hopeless[-1]["error"], hopeless[-1]["details"]) == ("no disk", {"type": "OSError"})
    assert "more often than 1 times" in asks[-1]["error"]
    assert_all_was_told(tells)
    assert await watcher.log.checkpoints.find(ids[5]) is None
    assert "is unsupported" in untellable[-1]["result_omitted"]
    assert "pickle" in unkeepable[-1]["error"]
    assert "forgotten" in forgotten[-1]["error"]
    assert await watcher.log.workers.queues() == [frozenset({"default"})]


async def test_parts_name_what_they_are_parts_of(stage: Stage, watcher: JobWatcher) -> None:
    """What a job enqueues, the jobs of a group, and what waits for a part."""
    nested, alone, waiting = stage.ask(
        "queue.enqueue(nested).id",
        "queue.enqueue(add, 1).id",
        "queue.enqueue(add, 1, depends_on=queue.enqueue(add, 2)).id",
    )
    (grouped,) = stage.ask("group((1,), (2,))")
    (after,) = stage.ask(f"queue.enqueue(add, 3, depends_on='{grouped[1]}').id")
    stage.start_worker("streamer.RQWorker", "--burst")
    inner = (await watcher.ended(nested))[-1]["result"]
    assert parents(await watcher.ended(inner)) == {nested}
    for each in (alone, waiting):
        assert parents(await watcher.ended(each)) == {None}
    for each in (*grouped[1:], after):
        assert parents(await watcher.ended(each)) == {grouped[0]}
        assert await watcher.story(each) == ["queued", "started", "completed"]


async def test_a_job_that_is_cancelled_stops_and_is_not_tried_again(
    stage: Stage, watcher: JobWatcher, jobs: Jobs
) -> None:
    """While it runs, and one that waits is not begun; enqueued again it is another run."""
    stage.start_worker()
    running, waiting, last = stage.ask(
        "queue.enqueue(patient, retry=Retry(max=9)).id",
        "queue.enqueue(touch, 'begun').id",
        "queue.enqueue(add, 1).id",
    )
    await watcher.came_to(running, 0.1)
    await jobs.cancel(waiting)
    await jobs.cancel(running)
    await watcher.ended(last)
    assert await watcher.story(running) == ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(waiting) == ["queued", "cancelled"]
    assert not (stage.directory / "begun").exists()
    assert stage.ask(f"Job.fetch('{running}', redis).get_status()") == ["stopped"]
    stage.ask(f"Job.fetch('{waiting}', redis).requeue().id")
    await watcher.told(waiting, "completed")
    assert (await watcher.story(waiting))[2:] == ["queued", "started", "completed"]


async def test_what_rq_cancels_or_stops_is_cancelled(stage: Stage, watcher: JobWatcher) -> None:
    """One that waits, one that runs and looks up, one that runs and is stopped."""
    stage.start_worker()
    asked, waiting, stopped = stage.ask(
        "queue.enqueue(patient).id",
        "queue.enqueue(add, 1).id",
        "queue.enqueue(held, 'never').id",
    )
    await watcher.came_to(asked, 0.1)
    stage.ask(f"Job.fetch('{waiting}', redis).cancel()", f"Job.fetch('{asked}', redis).cancel()")
    await watcher.came_to(stopped, 0.25)
    stage.ask(f"send_stop_job_command(redis, '{stopped}')")
    for each in (asked, waiting, stopped):
        assert (await watcher.ended(each))[-1]["status"] == "cancelled"
    assert await watcher.story(asked) == ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(waiting) == ["queued", "cancelled"]
    assert await watcher.story(stopped) == ["queued", "started", "cancelled"]


async def test_a_job_whose_child_is_killed_has_failed_unless_it_is_tried_again(
    stage: Stage, watcher: JobWatcher
) -> None:
    stage.start_worker()
    killed, retried = stage.ask(
        "queue.enqueue(suicidal).id", "queue.enqueue(suicidal, retry=Retry(max=1)).id"
    )
    assert (await watcher.ended(killed))[-1]["details"] == {"type": "WorkHorseTerminated"}
    assert "signal 9" in (await watcher.ended(killed))[-1]["error"]
    await watcher.ended(retried)
    assert await watcher.story(retried) == ["queued", "started", "retrying", "started", "error"]


async def test_a_worker_that_is_killed_stalls_its_job_which_another_one_ends(
    start_live: StartLive, stage: Stage, watcher: JobWatcher, tmp_path: Path
) -> None:
    """With its child; one that is not tried again has failed once RQ looks for it."""
    start_live(**{name: value for name, value in stage.environ.items() if "STREAMER" in name})
    until = str(tmp_path / "until")
    workers = [stage.start_worker("tasks.Quick") for _ in range(2)]
    held, lost = stage.ask(
        f"queue.enqueue(held, {until!r}, retry=Retry(max=1)).id",
        f"queue.enqueue(held, {until!r}).id",
    )
    for each in (held, lost):
        await watcher.came_to(each, 0.25)
    for worker in workers:
        for pid in (worker.pid, *descendants(worker.pid)):
            os.kill(pid, signal.SIGKILL)
    for each in (held, lost):
        await watcher.told(each, "stalled")
    stage.start_worker("tasks.Quick")
    await watcher.told(held, "started", times=2)
    (tmp_path / "until").touch()
    told = await watcher.ended(held)
    assert await watcher.story(held) == [
        *("queued", "started", "stalled", "retrying", "started", "completed")
    ]
    assert [each["attempt"] for each in told if each.get("status") == "started"] == [1, 2]
    assert (await watcher.ended(lost))[-1]["error"] == "its worker is gone"


async def test_jobs_that_are_scheduled_or_repeated_are_reported(
    stage: Stage, watcher: JobWatcher
) -> None:
    """A scheduled one is queued until then; each repetition is another run of the job."""
    stage.start_worker("streamer.RQWorker", "--with-scheduler")
    later, repeated = stage.ask(
        "queue.enqueue_in(timedelta(seconds=0.5), add, 1).id",
        "queue.enqueue(add, 2, repeat=Repeat(times=1)).id",
    )
    await watcher.told(repeated, "completed", times=2)
    assert await watcher.story(repeated) == ["queued", "started", "completed"] * 2
    await watcher.ended(later)
    assert await watcher.story(later) == ["queued", "started", "completed"]


async def test_a_job_that_is_run_in_place_is_a_job_too(stage: Stage, watcher: JobWatcher) -> None:
    """By a queue that is not asynchronous; and its id is free only once."""
    here = "Queue(connection=redis, is_async=False)"
    added, failed, there = stage.ask(
        f"(lambda q: [streamer.install(q), q.enqueue(add, 1, 2).id][1])({here})",
        f"(lambda q: [streamer.install(q), q.enqueue(hopeless).id][1])({here})",
        "streamer.progress().job_id",
    )
    assert there is None
    assert await watcher.story(added) == ["queued", "started", "completed"]
    assert (await watcher.bodies(added))[-1]["result"] == 3
    assert await watcher.story(failed) == ["queued", "started", "error"]


async def test_jobs_are_done_while_nothing_can_be_reported(stage: Stage) -> None:
    """Neither what enqueues nor what runs them is held up by a log that is not there."""
    stage.environ["STREAMER_REDIS_URL"] = "redis://127.0.0.1:1"
    stage.start_worker()
    got = "(lambda job: [job.latest_result(timeout=60), job.return_value(refresh=True)][1])"
    assert stage.ask(f"{got}(queue.enqueue(add, 1, 2))") == [3]


def test_jobs_of_one_process_are_reported_to_one_log(stage: Stage) -> None:
    code = "import tasks; tasks.streamer.install(tasks.queue, prefix='other')"
    with Program([sys.executable, "-c", code], cwd=stage.directory, environ=stage.environ) as one:
        assert one.wait() == 1
    assert "ValueError: RQ's jobs of this process are reported already" in one.err


def test_whoever_has_rq_imports_no_other_queue(stage: Stage) -> None:
    unneeded = "{'dramatiq', 'celery', 'taskiq', 'litestar', 'uvicorn', 'rich', 'httpx'}"
    assert stage.ask(f"sorted({unneeded} & set(__import__('sys').modules))") == [[]]


def test_a_job_of_ones_own_takes_fifteen_lines_and_is_watched_in_a_shell(
    stage: Stage, start_live: StartLive
) -> None:
    """As the document shows, with a worker of RQ's own command."""
    code = file_in(DOCUMENT, "rq_tasks.py")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (stage.directory / "tasks.py").write_text(
        code.replace("Redis()", f"Redis.from_url({stage.environ['BROKER']!r})")
    )
    live = start_live(
        **{name: value for name, value in stage.environ.items() if "STREAMER" in name}
    )
    stage.start_worker()
    stage.ask("queue.enqueue(thumbnails, ['cover', 'index'], project_id='demo').id")
    watch = ("tail", "projects/demo", "--from", "earliest", "--until", "end", "--url", live.url)
    with command(*watch) as tail:
        assert tail.wait() == 0, tail
    told = [msgspec.json.decode(line) for line in tail.out.splitlines()]
    steps = [each.get("status", each["type"]) for each in told if "job_id" in each]
    # How often it says how far it is, is a matter of time.
    assert [step for step, _ in groupby(steps)] == ["queued", "started", "in_progress", "completed"]
    assert told[-1]["result"] == 2
