"""``streamer.install`` for Celery: real workers on a real Redis, killed and restarted."""

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

TASKS: Final = '''
import os, signal, threading
from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject

import streamer
from support import helping

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(
    broker_transport_options={"visibility_timeout": 2},
    worker_prefetch_multiplier=1,
)
publisher = streamer.install(app)
assert streamer.install(app) is publisher


@app.task
def add(one, other=0, *, project_id=None):
    streamer.progress().update(0.5, "adding")
    return one + other


@app.task(bind=True, max_retries=2, project_id="p2")
def fickle(self, failures):
    if self.request.retries < failures:
        try:
            raise OSError("disk full")
        except OSError as error:
            raise self.retry(exc=error, countdown=0)
    return self.request.retries


@app.task(autoretry_for=(OSError,), retry_backoff=False, max_retries=1, default_retry_delay=0)
def hopeless():
    raise OSError("no disk")


@app.task(autoretry_for=(OSError,), retry_backoff=False, default_retry_delay=0)
def tells():
    return helping.tell_all()


@app.task(ignore_result=True)
def untellable():
    return object()


@app.task
def total(parts):
    return sum(parts)


@app.task
def nested():
    return add.delay(1, 2).id


@app.task(bind=True)
def replaced(self):
    raise self.replace(add.s(20, 22))


@app.task(bind=True)
def spread(self):
    raise self.replace(group(add.s(1), add.s(2)))


@app.task
def ignored():
    raise Ignore("nothing to do")


@app.task
def rejected():
    raise Reject("not mine", requeue=False)


@app.task(autoretry_for=(Exception,), max_retries=9)
def patient():
    while True:
        streamer.progress().update(0.1)
        threading.Event().wait(0.02)


@app.task(acks_late=True, reject_on_worker_lost=True)
def held(until):
    streamer.progress().update(0.25)
    while not os.path.exists(until):
        threading.Event().wait(0.02)
    return "done"


@app.task
def touch(path):
    open(path, "w").close()


@app.task
def suicidal():
    streamer.progress().update(0.25)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(time_limit=1)
def endless():
    threading.Event().wait()


@app.task
def forgotten():
    """Not known to workers that say so."""


if os.environ.get("FORGET"):
    app.finalize()
    del app.tasks["tasks.forgotten"]
'''


class Stage:
    """Workers of the tasks above, and whoever sends them; all on one Redis."""

    def __init__(self, directory: Path, server: Server, settings: Settings) -> None:
        self.directory: Final = directory
        self.environ: Final = {
            "BROKER": server.url.replace("unix://", "redis+socket://"),
            "STREAMER_REDIS_URL": str(settings.redis_url),
            "STREAMER_PREFIX": settings.prefix,
            "STREAMER_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": ":".join(path for path in sys.path if path.endswith(("/src", "/tests"))),
        }
        self.stack: Final = ExitStack()
        (directory / "tasks.py").write_text(TASKS)

    def start_worker(self, *options: str, **environ: str) -> Program:
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--without-mingle"]
        options = options or ("--concurrency", "2")
        program = self.stack.enter_context(
            Program(
                [*command, "-l", "INFO", *options],
                cwd=self.directory,
                environ=self.environ | environ,
            )
        )
        program.wait_for(r"celery@\S+ ready")
        return program

    def ask(self, *expressions: str) -> list[Any]:
        """Send tasks from a process of its own; the ids that each expression gives."""
        code = f"from tasks import *\nimport json\nprint(json.dumps([{', '.join(expressions)}]))"
        command = [sys.executable, "-W", "ignore", "-c", code]
        with Program(command, cwd=self.directory, environ=self.environ) as sender:
            assert sender.wait() == 0, sender
            ids: list[Any] = msgspec.json.decode(sender.out.splitlines()[-1])
        return ids


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


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
async def test_a_task_says_all_of_its_life(stage: Stage, watcher: JobWatcher, pool: str) -> None:
    """In each pool: what succeeds, what is retried, what fails, what is ignored or rejected."""
    stage.start_worker("--pool", pool, "--concurrency", "2", "--without-heartbeat")
    ids = stage.ask(
        "add.delay(1, other=2, project_id='p1').id",
        "fickle.delay(1).id",
        "hopeless.delay().id",
        "ignored.delay().id",
        "rejected.delay().id",
        "replaced.delay().id",
        "tells.delay().id",
        "untellable.delay().id",
    )
    told = [await watcher.ended(each) for each in ids]
    assert [await watcher.story(each) for each in ids] == [
        ["queued", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "retrying", "started", "error"],
        ["queued", "started", "cancelled"],
        ["queued", "started", "error"],
        ["queued", "started", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "completed"],
    ]
    added, fickle, hopeless, _, rejected, replaced, tells, untellable = told
    assert_all_was_told(tells)
    assert await watcher.log.checkpoints.find(ids[-2]) is None
    assert untellable[-1]["result"] is None
    assert "object is unsupported" in untellable[-1]["result_omitted"]
    assert {each["topic"] for each in added} == {"projects/p1"}
    assert [each["progress"] for each in added if each["type"] == "progress"] == [0.5]
    assert added[0]["metadata"] == {"queue": "celery"}
    assert added[-1]["result"] == 3
    assert fickle[0]["project_id"] == "p2"
    assert [each["attempt"] for each in fickle if "attempt" in each] == [1, 1, 2, 2]
    assert fickle[2]["metadata"] == {"error": "disk full", "delay": 0.0}
    assert (hopeless[-1]["error"], hopeless[-1]["details"]) == ("no disk", {"type": "OSError"})
    assert hopeless[-1]["attempt"] == 2
    assert "not mine" in rejected[-1]["error"]
    assert replaced[-1]["result"] == 42
    assert await watcher.log.workers.queues() == [frozenset({"celery"})]


async def test_parts_name_what_they_are_parts_of(stage: Stage, watcher: JobWatcher) -> None:
    """What a task publishes, groups, chains, chords with their bodies, and what replaces one."""
    stage.start_worker()
    nested, alone, spread = stage.ask("nested.delay().id", "add.delay(1).id", "spread.delay().id")
    group_id, *grouped = stage.ask(
        "*(lambda r: [r.id, *(each.id for each in r.results)])(group(add.s(1), add.s(2)).delay())"
    )
    chained = stage.ask(
        "*(lambda r: [r.parent.parent.id, r.parent.id, r.id])"
        "(chain(add.s(1), add.s(2), add.s(3)).delay())"
    )
    body, chord_id, *header = stage.ask(
        "*(lambda r: [r.id, r.parent.id, *(each.id for each in r.parent.results)])"
        "(chord([add.s(1), add.s(2)])(total.s()))"
    )
    inner = (await watcher.ended(nested))[-1]["result"]
    assert parents(await watcher.ended(inner)) == {nested}
    assert parents(await watcher.ended(alone)) == {None}
    for each in grouped:
        assert parents(await watcher.ended(each)) == {group_id}
    for each in chained:
        assert parents(await watcher.ended(each)) == {f"chain-{chained[0]}"}
    for each in (body, *header):
        assert parents(await watcher.ended(each)) == {chord_id}
    assert (await watcher.bodies(chained[-1]))[-1]["result"] == 6
    assert (await watcher.bodies(body))[-1]["result"] == 3
    assert (await watcher.ended(spread))[-1]["result"] == [1, 2]
    assert await watcher.story(spread) == ["queued", "started", "started", "completed"]


async def test_a_task_that_is_cancelled_stops_and_whoever_waits_for_it_is_told(
    stage: Stage, watcher: JobWatcher, jobs: Jobs
) -> None:
    """While it runs, for all that it would be retried; and one that waits is not begun."""
    worker = stage.start_worker("--concurrency", "1", "--pool", "prefork")
    running, waiting, last = stage.ask(
        "patient.delay().id", "touch.delay('begun').id", "add.delay(1).id"
    )
    await watcher.came_to(running, 0.1)
    await jobs.cancel(waiting)
    await jobs.cancel(running)
    await watcher.ended(last)
    assert await watcher.story(running) == ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(waiting) == ["queued", "cancelled"]
    assert not (stage.directory / "begun").exists()
    got = "(lambda r: type(r.get(timeout=60, propagate=False)).__name__)"
    for each in (running, waiting):
        assert stage.ask(f"{got}(app.AsyncResult('{each}'))") == ["TaskRevokedError"]
    assert "Traceback" not in worker.err


async def test_what_celery_revokes_is_cancelled(stage: Stage, watcher: JobWatcher) -> None:
    """One that waits, one that runs and is terminated; one that expires has failed."""
    stage.start_worker("--concurrency", "1", "--pool", "prefork")
    running, waiting, expired = stage.ask(
        "held.delay('never').id",
        "add.delay(1).id",
        "add.apply_async((1,), expires=0.01).id",
    )
    await watcher.came_to(running, 0.25)
    stage.ask(f"app.control.revoke('{waiting}')")
    stage.ask(f"app.control.revoke('{running}', terminate=True)")
    for each in (running, waiting):
        assert (await watcher.ended(each))[-1]["status"] == "cancelled"
    assert await watcher.story(running) == ["queued", "started", "cancelled"]
    assert (await watcher.ended(expired))[-1]["error"] == "it expired before it was started"


async def test_a_task_whose_process_is_gone_has_failed_unless_it_is_delivered_again(
    stage: Stage, watcher: JobWatcher
) -> None:
    """Killed, out of time, or of a worker that does not know it."""
    stage.start_worker("--pool", "prefork", "--concurrency", "2", FORGET="1")
    killed, late, unknown = stage.ask(
        "suicidal.delay().id", "endless.delay().id", "forgotten.delay().id"
    )
    assert (await watcher.ended(killed))[-1]["details"] == {"type": "WorkerLostError"}
    assert await watcher.story(killed) == ["queued", "started", "error"]
    assert (await watcher.ended(late))[-1]["details"] == {"type": "TimeLimitExceeded"}
    assert (
        "no worker knows the task 'tasks.forgotten'" in (await watcher.ended(unknown))[-1]["error"]
    )


async def test_a_worker_that_is_killed_stalls_its_task_which_another_one_ends(
    start_live: StartLive, stage: Stage, watcher: JobWatcher, tmp_path: Path
) -> None:
    """With its whole pool; a server says so, and the next worker begins the next attempt."""
    start_live(**{name: value for name, value in stage.environ.items() if "STREAMER" in name})
    worker = stage.start_worker("--pool", "prefork", "--concurrency", "1")
    (held,) = stage.ask(f"held.delay({str(tmp_path / 'until')!r}).id")
    await watcher.came_to(held, 0.25)
    for each in (worker.pid, *descendants(worker.pid)):
        os.kill(each, signal.SIGKILL)
    await watcher.told(held, "stalled")
    stage.start_worker("--pool", "prefork", "--concurrency", "1")
    await watcher.told(held, "started", times=2)
    (tmp_path / "until").touch()
    told = await watcher.ended(held)
    assert await watcher.story(held) == ["queued", "started", "stalled", "started", "completed"]
    assert [each["attempt"] for each in told if each.get("status") == "started"] == [1, 2]
    assert told[-1]["result"] == "done"


async def test_a_task_that_is_published_again_is_another_run_of_its_job(
    stage: Stage, watcher: JobWatcher
) -> None:
    stage.start_worker()
    stage.ask("add.apply_async((1,), task_id='nightly').id")
    await watcher.ended("nightly")
    stage.ask("add.apply_async((2,), task_id='nightly').id")
    await watcher.told("nightly", "completed", times=2)
    assert await watcher.story("nightly") == ["queued", "started", "completed"] * 2
    runs = {each.get("run") for each in await watcher.bodies("nightly")}
    assert len(runs) == 2


async def test_a_task_that_is_called_in_place_is_a_job_too(
    stage: Stage, watcher: JobWatcher
) -> None:
    """Also one that is retried there, within the attempt that failed."""
    added, fickle = stage.ask("add.apply((1, 2)).id", "fickle.apply((1,)).id")
    assert await watcher.story(added) == ["queued", "started", "completed"]
    assert await watcher.story(fickle) == [
        *("queued", "started", "retrying", "started", "completed")
    ]


async def test_tasks_are_done_while_nothing_can_be_reported(stage: Stage) -> None:
    """Neither what publishes nor what runs them is held up by a log that is not there."""
    stage.environ["STREAMER_REDIS_URL"] = "redis://127.0.0.1:1"
    stage.start_worker("--pool", "prefork", "--concurrency", "1")
    assert stage.ask("add.delay(1, 2).get(timeout=60)", "fickle.delay(1).get(timeout=60)") == [3, 1]


def test_tasks_of_one_process_are_reported_to_one_log(stage: Stage) -> None:
    code = "import tasks; tasks.streamer.install(tasks.app, prefix='other')"
    with Program([sys.executable, "-c", code], cwd=stage.directory, environ=stage.environ) as one:
        assert one.wait() == 1
    assert "ValueError: tasks of this process are reported already" in one.err


def test_whoever_has_one_queue_imports_no_other(stage: Stage) -> None:
    """Nor a web framework: the worker needs neither."""
    unneeded = "{'dramatiq', 'litestar', 'uvicorn', 'rich', 'httpx'}"
    assert stage.ask(f"sorted({unneeded} & set(__import__('sys').modules))") == [[]]


def test_a_task_of_ones_own_takes_fifteen_lines_and_is_watched_in_a_shell(
    stage: Stage, start_live: StartLive
) -> None:
    """As the document shows, with a worker of Celery's own command."""
    code = file_in(DOCUMENT, "celery_tasks.py").replace(
        "redis://localhost:6379", stage.environ["BROKER"]
    )
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (stage.directory / "tasks.py").write_text(code)
    live = start_live(
        **{name: value for name, value in stage.environ.items() if "STREAMER" in name}
    )
    stage.start_worker("--pool", "prefork", "--concurrency", "1")
    stage.ask("thumbnails.delay(['cover', 'index'], project_id='demo').id")
    watch = ("tail", "projects/demo", "--from", "earliest", "--until", "end", "--url", live.url)
    with command(*watch) as tail:
        assert tail.wait() == 0, tail
    told = [msgspec.json.decode(line) for line in tail.out.splitlines()]
    steps = [each.get("status", each["type"]) for each in told if "job_id" in each]
    # How often it says how far it is, is a matter of time.
    assert [step for step, _ in groupby(steps)] == ["queued", "started", "in_progress", "completed"]
    assert told[-1]["result"] == 2
