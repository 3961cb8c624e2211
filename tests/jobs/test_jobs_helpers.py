"""A job's threads, coroutines, forked children, programs and pools of processes tell of it, too."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any, Final

import dramatiq
import msgspec
import pytest
from dramatiq import Broker

import streamer
from streamer.config.settings import Settings
from streamer.eventlog.base import BatchKey
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent
from streamer.jobs import helpers
from streamer.jobs.current import current
from streamer.jobs.helpers import VARIABLE
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.stops import JobCancelled
from support import helping
from support.jobs import JobWatcher, UnreliableLog, working
from support.telling import Bench
from support.waiting import DEADLINE, wait_until_blocking

#: A program that tells of the job whose environment it has.
PROGRAM: Final = """
import streamer
p = streamer.progress()
assert p.job_id, "of no job"
for page in p.track(range(4), message="in the program"):
    p.log(f"page {page}")
p.meta(codec="h264")
p.partial({"pages": 4})
p.checkpoint([p.last_checkpoint, "program"])
"""
#: With no network, and no log of its own.
NOWHERE: Final = {"STREAMER_REDIS_URL": "redis://127.0.0.1:1"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    """The bench's progress is that of the job which this thread runs; its clock moves on."""
    bench = Bench(b'"before"')
    ticks = iter(range(10**9))
    bench.progress = Progress(
        bench._hear,
        job_id="j1",
        attempt=3,
        checkpoint=b'"before"',
        clock=lambda: float(next(ticks)),
    )
    set_progress(bench.progress)
    yield bench
    bench.progress.silence()
    set_progress(None)


def run(
    code: str, environ: dict[str, str], *, timeout: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, however that is."""
    path = ":".join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**NOWHERE, **environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


# Threads and coroutines.


def test_a_thread_of_a_pool_tells_of_the_job_that_is_handed_over(bench: Bench) -> None:
    """Within the task that it was handed over in, also several at once."""
    met = threading.Barrier(4)

    def work(number: int) -> str | None:
        met.wait(DEADLINE)
        with streamer.progress().task(f"part {number}", total=1) as task:
            met.wait(DEADLINE)
            task.advance()
            met.wait(DEADLINE)
        return streamer.progress().job_id

    other = bench.progress.task("other")
    with bench.progress.task("all"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(bench.progress.wrap(work), range(4))) == ["j1"] * 4
        assert bench.progress.fraction == 0.5
    with other:
        pass
    assert bench.progress.fraction == 1.0


def test_a_thread_that_nothing_is_handed_over_to_is_of_no_job(bench: Bench) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: streamer.progress().job_id).result() is None
        context = contextvars.copy_context()
        assert pool.submit(context.run, lambda: streamer.progress().job_id).result() == "j1"
    assert bench.told == []


def test_a_thread_that_is_handed_the_job_is_stopped_as_the_job_is(bench: Bench) -> None:
    bench.progress.cancel()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(bench.progress.wrap(lambda: streamer.progress().update(0.5)))
        with pytest.raises(JobCancelled):
            work.result()


def test_a_function_is_wrapped_for_a_job_that_is_not_current() -> None:
    bench = Bench()
    wrapped = bench.progress.wrap(lambda: current())  # noqa: PLW0108 - as it is then
    assert wrapped() is bench.progress
    assert current() is None


async def test_a_coroutine_tells_and_what_it_runs_in_a_thread_too(bench: Bench) -> None:
    await asyncio.to_thread(helping.tell, "thread")
    await asyncio.get_running_loop().run_in_executor(
        None, bench.progress.wrap(helping.tell), "pool"
    )
    bench.progress.send_held()
    assert [line.text for line in bench.lines] == ["thread is done", "pool is done"]


class SlowLog(MemoryEventLog):
    """One that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        await asyncio.to_thread(self.may.wait)
        return await super().append_all(events, batch)


async def test_no_coroutine_is_held_up_while_the_buffer_is_full_and_the_log_is_slow() -> None:
    """A thread waits a moment for room; an event loop never does."""
    log = SlowLog()
    publisher = streamer.SyncPublisher(lambda: log, max_events=2, block_seconds=30)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(10):
        publisher.publish("jobs/j", "log", {"lines": []})
    assert loop.time() - began < 20
    assert publisher.dropped >= 6
    log.may.set()
    assert await asyncio.to_thread(publisher.close)


async def test_an_actor_tells_all_of_it_and_goes_on_from_its_checkpoint(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """The checkpoint is gone with the job; who failed for good is run again from it."""

    @dramatiq.actor(broker=job_broker)
    def tells() -> object:
        return helping.tell_all()

    @dramatiq.actor(broker=job_broker, max_retries=0)
    def fails_once() -> object:
        last = streamer.progress().last_checkpoint
        if last is None:
            streamer.progress().checkpoint("half")
            raise OSError("no disk")
        return last

    with working(job_broker):
        job, failed = tells.send(), fails_once.send()
        told = await watcher.ended(job.message_id)
        await watcher.ended(failed.message_id)
        job_broker.enqueue(failed)
        await watcher.told(failed.message_id, "completed")
    assert await watcher.story(job.message_id) == [
        *("queued", "started", "retrying", "started", "completed")
    ]
    helping.assert_all_was_told(told)
    assert (await watcher.bodies(failed.message_id))[-1]["result"] == "half"
    for each in (job, failed):
        assert await watcher.log.checkpoints.find(each.message_id) is None


async def test_asynchronous_actors_on_one_loop_tell_each_of_its_own(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """Also from a thread that one of them waits for."""
    met: list[asyncio.Barrier] = []

    @dramatiq.actor(broker=job_broker)
    async def tells(name: str) -> str | None:
        if not met:
            met.append(asyncio.Barrier(2))
        progress = streamer.progress()
        with progress.task(name, total=2) as task:
            for _ in range(2):
                await met[0].wait()
                task.advance()
        await asyncio.to_thread(lambda: streamer.progress().log(f"thread of {name}"))
        progress.partial(name)
        return progress.job_id

    with working(job_broker):
        jobs = {name: tells.send(name).message_id for name in "ab"}
        for name, job_id in jobs.items():
            told = await watcher.ended(job_id)
            assert told[-1]["result"] == job_id
            lines = [line["text"] for body in told for line in body.get("lines", [])]
            assert lines == [f"thread of {name}"]
            assert [body["result"] for body in told if body["type"] == "partial"] == [name]
            listed = {task["name"] for body in told for task in body.get("tasks", [])}
            assert listed <= {name}
            assert [body for body in told if body["type"] == "progress"][-1]["progress"] == 1.0


async def test_a_script_goes_on_from_its_checkpoint_and_says_why_its_result_is_not_told(
    job_settings: Settings, watcher: JobWatcher
) -> None:
    url, prefix = str(job_settings.redis_url), job_settings.prefix
    for _ in range(2):
        job = streamer.job("nightly", id="nightly", redis_url=url, prefix=prefix)
        with contextlib.suppress(OSError):
            async with job:
                job.result = await asyncio.to_thread(helping.tell_all)
    bodies = await watcher.bodies("nightly")
    assert await watcher.story("nightly") == [
        *("queued", "started", "error"),
        *("queued", "started", "completed"),
    ]
    assert bodies[-1]["result"] == {"page": 7}
    for result, why in ((object(), "unsupported"), ("x" * 10**6, "at most")):
        async with streamer.job("nightly", id="other", redis_url=url, prefix=prefix) as job:
            job.result = result
        end = (await watcher.bodies("other"))[-1]
        assert (end["type"], end["result"]) == ("completed", None)
        assert why in end["result_omitted"]


async def test_a_log_that_is_away_or_a_closed_publisher_fails_no_job() -> None:
    log = UnreliableLog()
    publisher = streamer.SyncPublisher(lambda: log, backoff=lambda _: 0.01)

    def fails() -> None:
        with streamer.job("a", publisher=publisher):
            log.go_away()
            helping.tell_all()

    with pytest.raises(OSError, match="disk full"):
        fails()
    log.come_back()
    with streamer.job("a", publisher=publisher) as job:
        helping.tell("told")
        publisher.close()
        helping.tell("not told")
        streamer.progress().checkpoint(1)
        streamer.progress().send_held()
    assert "started" in await JobWatcher(log).story(job.id)


# Programs.


def test_a_program_tells_of_the_job_all_that_the_job_can(bench: Bench) -> None:
    other = bench.progress.task("other", weight=3)
    with bench.progress.task("program"):
        environ = bench.progress.environ()
        done = run(PROGRAM, environ)
        assert done.returncode == 0, done.stderr
        assert bench.progress.fraction == 0.25
    with other:
        pass
    bench.progress.send_held()
    assert [line.text for line in bench.lines] == [f"page {number}" for number in range(4)]
    assert ("in the program", {"codec": "h264"}) in [each[1:] for each in bench.sent]
    assert bench.partials == [{"pages": 4}]
    assert bench.progress.last_checkpoint == ["before", "program"]
    assert bench.fractions == sorted(bench.fractions)


def test_a_program_of_a_program_tells_of_the_same_job(bench: Bench) -> None:
    inner = "import streamer; p = streamer.progress(); p.log(f'{p.job_id} {p.attempt}')"
    code = f"""
import subprocess, sys, streamer
streamer.progress().log("outer")
subprocess.run([sys.executable, "-c", {inner!r}], env=streamer.progress().environ(), check=True)
"""
    done = run(code, bench.progress.environ())
    assert done.returncode == 0, done.stderr
    bench.progress.send_held()
    assert sorted(line.text for line in bench.lines) == ["j1 3", "outer"]


def test_a_program_that_fails_or_is_killed_leaves_what_it_told(bench: Bench) -> None:
    code = """
import os, signal, streamer
p = streamer.progress()
p.update(0.5, "half way")
p.send_held()
os.kill(os.getpid(), signal.SIGKILL)
"""
    with bench.progress.task("program"):
        assert run(code, bench.progress.environ()).returncode != 0
        wait_until_blocking(
            lambda: bench.progress.fraction == 0.5, "what the program told was not heard"
        )
    assert bench.progress.fraction == 1.0


def test_a_program_whose_job_is_over_or_of_another_machine_does_its_work_and_says_so(
    bench: Bench,
) -> None:
    environ = bench.progress.environ()
    bench.progress.silence()
    code = """
import streamer
for _ in streamer.track(range(3)):
    streamer.progress().log("nobody hears this")
print(streamer.progress().job_id)
"""
    for handover in (environ[VARIABLE], "@streamer-no-such-socket key 0", "nonsense"):
        done = run(code, {**os.environ, VARIABLE: handover})
        assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
        assert done.stderr.count("cannot be told of") == 1
    assert bench.told == []


def test_a_program_of_a_job_that_is_cancelled_stops_where_it_looks(
    bench: Bench, tmp_path: Path
) -> None:
    ended = tmp_path / "ended"
    code = f"from support.helping import hang; hang({str(ended)!r})"
    path = ":".join(path for path in sys.path if path)
    environ = {**bench.progress.environ(), "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", code], env=environ) as program:
        try:
            wait_until_blocking(
                lambda: bench.updates and "hanging" in [t.name for t in bench.updates[-1].tasks],
                "the program did not begin",
            )
            assert bench.progress.fraction == 0.1
            bench.progress.cancel()
            assert program.wait(DEADLINE) == 0
        finally:
            program.kill()
    assert ended.read_text() == "cancelled"
    late = run(code, bench.progress.environ())  # one that begins after that
    assert late.returncode == 0, late.stderr


def test_what_is_said_to_a_job_by_a_stranger_is_not_heard(bench: Bench) -> None:
    name, key, _ = bench.progress.environ()[VARIABLE].split(" ")
    address = name.replace("@", "\0", 1)
    wrong: list[bytes] = [
        b"",
        b"no json",
        b'{"key":"guessed","task":0}',
        b"\x80\x04.",
        msgspec.json.encode({"key": key[:-1], "task": 0}),
    ]
    for said in wrong:
        with Client(address, "AF_UNIX") as stranger:
            stranger.send_bytes(said)
            assert stranger.poll(DEADLINE)
            with pytest.raises(EOFError):
                stranger.recv_bytes()
    with Client(address, "AF_UNIX") as stranger:
        stranger.send_bytes(msgspec.json.encode({"key": key, "task": 99}))
        assert b"before" in stranger.recv_bytes()
        stranger.send_bytes(b'{"type":"Update","fraction":"half"}')
        with pytest.raises(EOFError):
            stranger.recv_bytes()
    assert bench.told == []


def test_outside_of_a_job_there_is_nothing_to_hand_over() -> None:
    assert VARIABLE not in Progress(lambda _: None).environ()
    restored = pickle.loads(pickle.dumps(Progress(lambda _: None)))
    restored.log("nobody hears this")
    assert restored.job_id is None


# Processes of multiprocessing.


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_tells_of_the_job(bench: Bench, method: Any) -> None:  # noqa: ANN401
    context = multiprocessing.get_context(method)
    with bench.progress.task("process"):
        target: Callable[..., Any] = helping.tell
        if method != "fork":  # which has all that its parent has
            target = bench.progress.wrap(helping.tell)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            process = context.Process(target=target, args=("child",))
            process.start()
        process.join(DEADLINE)
        assert process.exitcode == 0
        assert bench.progress.fraction == 1.0
    bench.progress.send_held()
    assert [line.text for line in bench.lines] == ["child is done"]


def test_a_pool_of_processes_tells_of_the_job_before_its_results_are_there(bench: Bench) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(bench.progress.wrap(helping.tell), "a").result() == 3
        bench.progress.send_held()
        assert [line.text for line in bench.lines] == ["a is done"]
        assert pool.submit(bench.progress.wrap(helping.tell), "b").result() == 3
        other = Bench()
        assert pool.submit(other.progress.wrap(helping.tell), "c").result() == 1
        assert pool.submit(helping.tell, "of no job").result() == 1
        other.progress.send_held()
        bench.progress.send_held()
        other.progress.silence()
    assert [line.text for line in bench.lines] == ["a is done", "b is done"]
    assert [line.text for line in other.lines] == ["c is done"]


def test_what_a_program_logs_through_the_standard_library_is_told(bench: Bench) -> None:
    done = run("from support.helping import log; log('careful')", bench.progress.environ())
    assert done.returncode == 0, done.stderr
    bench.progress.send_held()
    (line,) = bench.lines
    assert (line.text, line.level, line.source) == ("careful", "warning", "child")


def test_processes_beyond_the_bound_are_not_heard(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, _ = bench.progress.environ()[VARIABLE].split(" ")
    monkeypatch.setattr(helpers, "MAX_HELPERS", 0)
    one_too_many = Client(name.replace("@", "\0", 1), "AF_UNIX")
    with contextlib.closing(one_too_many), pytest.raises((EOFError, ConnectionError)):
        one_too_many.recv_bytes()


async def test_a_job_within_a_program_of_a_job_is_a_part_of_it(
    job_settings: Settings, watcher: JobWatcher
) -> None:
    code = "import streamer\nwith streamer.job('inner', id='inner-1'): pass"
    url, prefix = str(job_settings.redis_url), job_settings.prefix
    log = {"STREAMER_REDIS_URL": url, "STREAMER_PREFIX": prefix}
    with streamer.job("outer", redis_url=url, prefix=prefix) as job:
        done = await asyncio.to_thread(run, code, streamer.progress().environ() | log)
        assert done.returncode == 0, done.stderr
    assert await watcher.story("inner-1") == ["queued", "started", "completed"]
    assert (await watcher.bodies("inner-1"))[0]["parent_id"] == job.id
