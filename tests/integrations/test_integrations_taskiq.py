"""``streamer.install`` for taskiq: real workers on a real Redis, killed and restarted."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from taskiq import InMemoryBroker

import streamer
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
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
from support.waiting import wait_until

DOCUMENT: Final = "docs/QUEUES.md"
LEASE: Final = 2.0

TASKS: Final = """
import asyncio, os, threading
from taskiq import SimpleRetryMiddleware
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

import streamer
from support import helping
from support.waiting import wait_until

broker = (
    RedisStreamBroker(
        os.environ["BROKER"],
        idle_timeout=int(os.environ.get("IDLE", "60000")),
        xread_block=100,
    )
    .with_result_backend(RedisAsyncResultBackend(os.environ["BROKER"]))
    .with_middlewares(SimpleRetryMiddleware(default_retry_count=3))
)
publisher = streamer.install(broker)


@broker.task
async def add(one, other=0, *, project_id=None):
    streamer.progress().update(0.5, "adding")
    return one + other


@broker.task(project_id="p2")
def in_a_thread(count):
    return len(list(streamer.track(range(count))))


failures = []


@broker.task(retry_on_error=True)
async def fickle():
    failures.append(1)
    if len(failures) == 1:
        raise OSError("disk full")
    return len(failures)


@broker.task(retry_on_error=True)
async def tells():
    return await asyncio.to_thread(helping.tell_all)


@broker.task
async def untellable():
    return object


@broker.task(retry_on_error=True, max_retries=2)
async def hopeless():
    raise OSError("no disk")


@broker.task
async def nested():
    return (await add.kiq(1, 2)).task_id


@broker.task(retry_on_error=True)
async def patient():
    told = streamer.progress().update  # which is where it stops
    await wait_until(lambda: told(0.1), "it was not cancelled")


@broker.task
async def held(until):
    streamer.progress().update(0.25)
    await wait_until(lambda: os.path.exists(until), "it was not let go")
    return "done"


async def ask(*calls):
    await broker.startup()
    answers = []
    for call in calls:
        answer = await call
        answers.append(getattr(answer, "task_id", answer))
    await broker.shutdown()
    return answers


async def value(task):
    result = await (await task).wait_result(timeout=60)
    return str(result.error) if result.is_err else result.return_value


async def value_of(task_id):
    result = await broker.result_backend.get_result(task_id)
    return type(result.error).__name__
"""


class Stage:
    """Workers of the tasks above, and whoever sends them; all on one Redis."""

    def __init__(self, directory: Path, server: Server, settings: Settings) -> None:
        self.directory: Final = directory
        self.environ: Final = {
            "BROKER": server.url,
            "STREAMER_REDIS_URL": str(settings.redis_url),
            "STREAMER_PREFIX": settings.prefix,
            "STREAMER_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": ":".join(path for path in sys.path if path.endswith(("/src", "/tests"))),
        }
        self.stack: Final = ExitStack()
        (directory / "tasks.py").write_text(TASKS)

    def start_worker(self, module: str = "tasks") -> Program:
        program = self.stack.enter_context(
            Program(
                [sys.executable, "-m", "taskiq", "worker", f"{module}:broker", "--workers", "1"],
                cwd=self.directory,
                environ=self.environ,
            )
        )
        program.wait_for("Listening started")
        return program

    def ask(self, *calls: str) -> list[Any]:
        """Send tasks from a process of its own; their ids, or what else a call gives."""
        code = f"import json\nfrom tasks import *\nanswers = ask({', '.join(calls)})\n"
        code += "print(json.dumps(asyncio.run(answers)))"
        command = [sys.executable, "-W", "ignore", "-c", code]
        with Program(command, cwd=self.directory, environ=self.environ) as sender:
            assert sender.wait() == 0, sender
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


async def test_a_task_says_all_of_its_life(stage: Stage, watcher: JobWatcher) -> None:
    """What succeeds, in the loop and in a thread, what is retried, what fails, what is a part."""
    stage.start_worker()
    ids = stage.ask(
        "add.kiq(1, other=2, project_id='p1')",
        "in_a_thread.kiq(4)",
        "fickle.kiq()",
        "hopeless.kiq()",
        "nested.kiq()",
        "tells.kiq()",
        "untellable.kiq()",
    )
    added, threaded, fickle, hopeless, nested, tells, untellable = [
        await watcher.ended(each) for each in ids
    ]
    assert [await watcher.story(each) for each in ids] == [
        ["queued", "started", "completed"],
        ["queued", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "retrying", "started", "error"],
        ["queued", "started", "completed"],
        ["queued", "started", "retrying", "started", "completed"],
        ["queued", "started", "completed"],
    ]
    assert {each["topic"] for each in added} == {"projects/p1"}
    assert [each["progress"] for each in added if each["type"] == "progress"] == [0.5]
    assert added[0]["metadata"] == {"queue": "taskiq"}
    assert added[-1]["result"] == 3
    assert {each["topic"] for each in threaded} == {"projects/p2"}
    assert [each["progress"] for each in threaded if each["type"] == "progress"][-1] == 1.0
    assert [each["attempt"] for each in fickle if "attempt" in each] == [1, 1, 2, 2]
    assert fickle[2]["metadata"] == {"error": "disk full", "delay": 0.0}
    assert (hopeless[-1]["error"], hopeless[-1]["details"]) == ("no disk", {"type": "OSError"})
    inner = await watcher.ended(nested[-1]["result"])
    assert [each.get("parent_id") for each in inner[:2]] == [ids[-3]] * 2
    assert_all_was_told(tells)
    assert await watcher.log.checkpoints.find(ids[-2]) is None
    assert untellable[-1]["result"] is None
    assert "is unsupported" in untellable[-1]["result_omitted"]
    assert await watcher.log.workers.queues() == [frozenset({"taskiq"})]


async def test_a_task_that_is_cancelled_stops_and_whoever_waits_for_it_is_told(
    stage: Stage, watcher: JobWatcher, jobs: Jobs
) -> None:
    """While it runs, for all that it would be retried; and while it waits."""
    (waiting,) = stage.ask("patient.kiq()")
    await jobs.cancel(waiting)
    stage.start_worker()
    running, after = stage.ask("patient.kiq()", "add.kiq(1)")
    await watcher.came_to(running, 0.1)
    await jobs.cancel(running)
    for each in (running, after):
        await watcher.ended(each)
    assert await watcher.story(running) == ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(waiting) == ["queued", "cancelled"]
    (last,) = stage.ask("value(add.kiq(1, 2))")
    assert last == 3
    assert stage.ask(f"value_of('{running}')", f"value_of('{waiting}')") == ["JobCancelled"] * 2


async def test_a_worker_that_is_killed_stalls_its_task_which_another_one_ends(
    start_live: StartLive, stage: Stage, watcher: JobWatcher, tmp_path: Path
) -> None:
    stage.environ["IDLE"] = "4000"  # milliseconds after which a message is delivered again
    start_live(**{name: value for name, value in stage.environ.items() if "STREAMER" in name})
    worker = stage.start_worker()
    (held,) = stage.ask(f"held.kiq({str(tmp_path / 'until')!r})")
    await watcher.came_to(held, 0.25)
    for each in (worker.pid, *descendants(worker.pid)):
        os.kill(each, signal.SIGKILL)
    await watcher.told(held, "stalled")
    stage.start_worker()

    async def begins_again() -> bool:
        stage.ask("add.kiq(1)")  # this broker looks for lost messages when a new one comes
        return (await watcher.story(held)).count("started") == 2

    await wait_until(begins_again, "the task was not delivered again")
    (tmp_path / "until").touch()
    told = await watcher.ended(held)
    assert (await watcher.story(held))[:4] == ["queued", "started", "stalled", "started"]
    assert [each["attempt"] for each in told if each.get("status") == "started"][:2] == [1, 2]
    assert told[-1]["result"] == "done"


def test_tasks_are_done_while_nothing_can_be_reported(stage: Stage) -> None:
    stage.environ["STREAMER_REDIS_URL"] = "redis://127.0.0.1:1"
    stage.start_worker()
    assert stage.ask("value(add.kiq(1, 2))", "value(fickle.kiq())") == [3, 2]


async def test_a_broker_in_memory_is_reported_once_and_to_one_log() -> None:
    """And whoever runs its task in place is back at what was current before."""
    log = MemoryEventLog()
    broker = InMemoryBroker(await_inplace=True)
    with streamer.SyncPublisher(lambda: log) as publisher:
        for _ in range(2):
            streamer.install(broker, publisher=publisher)
        assert len(broker.middlewares) == 1
        with pytest.raises(ValueError, match="by a publisher of its own"):
            streamer.install(broker, publisher=streamer.SyncPublisher(MemoryEventLog))

        @broker.task
        async def work() -> str | None:
            streamer.progress().update(1.0)
            return streamer.progress().job_id

        task = await work.kiq()
        assert (await task.wait_result()).return_value == task.task_id
        assert streamer.progress().job_id is None
        assert await JobWatcher(log).story(task.task_id) == ["queued", "started", "completed"]
        await broker.shutdown()


def test_a_task_of_ones_own_takes_fifteen_lines_and_is_watched_in_a_shell(
    stage: Stage, start_live: StartLive
) -> None:
    """As the document shows, with a worker of taskiq's own command."""
    code = file_in(DOCUMENT, "taskiq_tasks.py").replace(
        "redis://localhost:6379", stage.environ["BROKER"]
    )
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    helper = TASKS[TASKS.index("async def ask(") : TASKS.index("async def value(")]
    (stage.directory / "tasks.py").write_text(f"{code}\n\nimport asyncio\n\n\n{helper}")
    live = start_live(
        **{name: value for name, value in stage.environ.items() if "STREAMER" in name}
    )
    stage.start_worker()
    stage.ask("thumbnails.kiq(['cover', 'index'], project_id='demo')")
    watch = ("tail", "projects/demo", "--from", "earliest", "--until", "end", "--url", live.url)
    with command(*watch) as tail:
        assert tail.wait() == 0, tail
    told = [msgspec.json.decode(line) for line in tail.out.splitlines()]
    assert [each.get("status", each["type"]) for each in told if "job_id" in each] == [
        *("queued", "started", "in_progress", "in_progress", "completed")
    ]
    assert told[-1]["result"] == 2
