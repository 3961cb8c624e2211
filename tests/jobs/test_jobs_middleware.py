"""What Dramatiq jobs tell of themselves: real worker, real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker
from msgspec.structs import replace

import streamer
from streamer import SyncPublisher
from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.new_event import new_event
from streamer.events.snapshot import Snapshot
from streamer.jobs.broker import create_broker
from streamer.jobs.keys import start_key
from streamer.jobs.lifecycle import Run
from streamer.jobs.middleware import JobEvents
from streamer.jobs.progress import Progress
from streamer.jobs.running import RunningJob
from streamer.jobs.submit import Jobs
from streamer.jobs.topics import topics_of
from streamer.jobs.worker import open_publisher
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher, bodies_of, deliver_again, working
from support.waiting import DEADLINE, wait_until


@pytest.fixture
def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    return Jobs(job_settings, redis_log, Publisher(redis_log))


async def test_a_job_tells_its_whole_life_on_its_own_stream_and_its_projects(
    job_broker: Broker, watcher: JobWatcher, redis_log: RedisEventLog
) -> None:
    @dramatiq.actor(broker=job_broker)
    def encode(*, frames: int) -> dict[str, int]:
        for _ in streamer.track(range(frames), message="encoding"):
            pass
        return {"frames": frames}

    with working(job_broker):
        job_id = encode.send_with_options(kwargs={"frames": 5}, project_id="p1").message_id
        bodies = await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "completed"]
    progress = [body["progress"] for body in bodies if body["type"] == "progress"]
    assert (progress[0], progress[-1]) == (0.0, 1.0)
    assert progress == sorted(progress)
    assert bodies[-1]["result"] == {"frames": 5}
    assert {body["task_name"] for body in bodies} == {"encode"}
    assert {body["job_id"] for body in bodies} == {job_id}
    assert {body.get("attempt") for body in bodies[1:]} == {1}
    assert await bodies_of(redis_log, "projects/p1") == bodies
    snapshot = await watcher.snapshot(job_id)
    assert (snapshot.status, snapshot.progress, snapshot.attempt) == ("completed", 1.0, 1)


async def test_a_failure_that_is_retried_is_not_an_error(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    failures = iter([OSError("disk full"), ValueError()])

    @dramatiq.actor(broker=job_broker)
    def fickle() -> None:
        streamer.progress().update(0.7)
        for failure in failures:
            raise failure

    with working(job_broker):
        job_id = fickle.send().message_id
        bodies = await watcher.ended(job_id)
    assert await watcher.story(job_id) == [
        *("queued", "started", "retrying", "started", "retrying", "started", "completed")
    ]
    retrying = [body for body in bodies if body.get("status") == "retrying"]
    assert [body["metadata"]["error"] for body in retrying] == ["disk full", "ValueError"]
    assert all(0 < body["metadata"]["delay"] < 1 for body in retrying)
    assert [body["attempt"] for body in bodies if body.get("status") == "started"] == [1, 2, 3]
    assert [body["attempt"] for body in retrying] == [1, 2]


async def test_only_the_last_failure_is_an_error_and_it_is_told_once(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=job_broker)
    def hopeless() -> None:
        raise RuntimeError("x" * 5000)

    with working(job_broker):
        job_id = hopeless.send().message_id
        bodies = await watcher.ended(job_id)
    story = await watcher.story(job_id)
    assert story == ["queued", *["started", "retrying"] * 2, "started", "error"]
    assert bodies[-1]["details"] == {"type": "RuntimeError"}
    assert len(bodies[-1]["error"]) == 2000
    assert bodies[-1]["attempt"] == 3


async def test_an_end_is_told_whatever_is_in_an_update_or_an_error(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=job_broker, max_retries=1)
    def careless() -> None:
        streamer.progress().update(0.1)
        streamer.progress().update(0.2, what=object())  # held, so not refused at once
        raise OSError("no such file: \udce4.mp4")

    with working(job_broker):
        job_id = careless.send().message_id
        bodies = await watcher.ended(job_id)
    assert (await watcher.story(job_id))[-3:] == ["retrying", "started", "error"]
    assert bodies[-1]["error"] == "no such file: ?.mp4"


async def test_an_exception_that_an_actor_says_it_throws_is_an_error_at_once(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=job_broker, throws=(KeyError,))
    def strict() -> None:
        raise KeyError("nope")

    with working(job_broker):
        job_id = strict.send().message_id
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "error"]


async def test_a_delayed_job_is_queued_once(job_broker: Broker, watcher: JobWatcher) -> None:
    @dramatiq.actor(broker=job_broker)
    def later() -> None:
        pass

    with working(job_broker):
        job_id = later.send_with_options(delay=50).message_id
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "completed"]


class Broken(dict[str, int]):
    """A result that raises when it is looked at."""

    def values(self) -> Any:  # noqa: ANN401
        raise RuntimeError

    def items(self) -> Any:  # noqa: ANN401
        raise RuntimeError


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (object(), "cannot be encoded as JSON"),
        ({1, 2}.__iter__(), "cannot be encoded as JSON"),
        ({"name": "\udce4"}, "cannot be encoded as JSON"),
        ("x" * 100_000, "60000"),
        (float("nan"), "JSON cannot express"),
        (Broken(), "cannot be encoded as JSON: RuntimeError"),
        (None, None),
    ],
)
async def test_a_result_that_cannot_be_published_is_null_and_the_event_says_why(
    job_broker: Broker, watcher: JobWatcher, result: object, reason: str | None
) -> None:
    @dramatiq.actor(broker=job_broker)
    def odd() -> object:
        return result

    with working(job_broker):
        job_id = odd.send().message_id
        bodies = await watcher.ended(job_id)
    assert bodies[-1]["type"] == "completed"
    assert bodies[-1]["result"] is None
    assert ("result_omitted" in bodies[-1]) == (reason is not None)
    assert (reason or "") in bodies[-1].get("result_omitted", "")


async def test_an_asynchronous_actor_has_its_own_progress(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    both = asyncio.Barrier(2)

    @dramatiq.actor(broker=job_broker)
    async def waits(name: str) -> str:
        streamer.progress().update(0.1, name)
        await both.wait()
        streamer.progress().update(0.2, f"{name} again")
        return name

    with working(job_broker):
        ids = {name: waits.send(name).message_id for name in ("first", "second")}
        for name, job_id in ids.items():
            bodies = await watcher.ended(job_id)
            told = [body["message"] for body in bodies if body["type"] == "progress"]
            assert told == [name, f"{name} again"]


async def test_a_message_without_an_actor_is_an_error_that_says_so(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=job_broker)
    def known() -> None:
        pass

    with working(job_broker):
        message = known.message().copy()
        unknown: dramatiq.Message[None] = dramatiq.Message(
            queue_name=message.queue_name, actor_name="unknown", args=(), kwargs={}, options={}
        )
        job_broker.enqueue(unknown)
        bodies = await watcher.ended(unknown.message_id)
    assert bodies[-1]["error"] == "no worker knows the actor 'unknown'"


async def test_a_message_too_old_to_run_is_cancelled(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=job_broker, max_age=1)
    def fresh() -> None:
        raise AssertionError

    message = fresh.message_with_options()
    message = message.copy()
    object.__setattr__(message, "message_timestamp", 1)
    job_broker.enqueue(message)
    with working(job_broker):
        await watcher.ended(message.message_id)
    assert await watcher.story(message.message_id) == ["queued", "cancelled"]


async def test_a_job_whose_end_is_told_is_not_run_again(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """The worker died between telling the end and acknowledging the message."""
    runs = []

    @dramatiq.actor(broker=job_broker)
    def once() -> None:
        runs.append(1)

    with working(job_broker) as worker:
        message = once.send()
        await watcher.ended(message.message_id)
        deliver_again(job_broker, message)
        await asyncio.to_thread(worker.join)
        marker = once.send()
        await watcher.ended(marker.message_id)
    assert await watcher.story(message.message_id) == ["queued", "started", "completed"]
    assert len(runs) == 2


async def test_a_job_cancelled_in_the_queue_never_starts(
    job_broker: Broker, watcher: JobWatcher, jobs: Jobs
) -> None:
    runs: list[str] = []

    @dramatiq.actor(broker=job_broker)
    def work(name: str) -> None:
        runs.append(name)

    job_id = work.send_with_options(args=("cancelled",), project_id="p1").message_id
    for _ in range(2):
        state = await jobs.cancel(job_id)
        assert (state["status"], state["project_id"]) == ("cancelled", "p1")
    with working(job_broker, threads=1):
        await watcher.ended(work.send("next").message_id)
    assert runs == ["next"]
    assert await watcher.story(job_id) == ["queued", "cancelled"]


@pytest.fixture
def long_job(job_broker: Broker) -> dramatiq.Actor[[], None]:
    """A job that does not end unless it is cancelled."""

    @dramatiq.actor(broker=job_broker)
    def endless() -> None:
        streamer.progress().update(0.5)
        never = threading.Event()
        while not never.wait(0.01):
            streamer.progress().raise_if_cancelled()

    return endless


async def test_a_running_job_is_cancelled_where_it_asks_and_not_retried(
    job_broker: Broker, watcher: JobWatcher, jobs: Jobs, long_job: dramatiq.Actor[[], None]
) -> None:
    with working(job_broker):
        job_id = long_job.send().message_id
        await watcher.told(job_id, "started")
        for _ in range(2):
            await jobs.cancel(job_id)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "cancelling", "cancelled"]
    assert (await jobs.state(job_id))["status"] == "cancelled"
    assert (await jobs.cancel(job_id))["status"] == "cancelled"
    assert len(await watcher.story(job_id)) == 4


async def test_a_job_that_only_tracks_is_cancelled(
    job_broker: Broker, watcher: JobWatcher, jobs: Jobs
) -> None:
    """As the README's."""
    wait = threading.Event()

    @dramatiq.actor(broker=job_broker)
    def draw(pages: int) -> None:
        for _ in streamer.track(range(pages), message="drawing"):
            wait.wait(0.01)

    with working(job_broker):
        job_id = draw.send(100_000).message_id
        await watcher.told(job_id, "started")
        await jobs.cancel(job_id)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "cancelling", "cancelled"]


async def test_an_asynchronous_job_that_only_tracks_is_cancelled(
    job_broker: Broker, watcher: JobWatcher, jobs: Jobs
) -> None:
    @dramatiq.actor(broker=job_broker)
    async def draw() -> None:
        never = asyncio.Event()
        for _ in streamer.track(range(100_000)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.01)

    with working(job_broker):
        job_id = draw.send().message_id
        await watcher.told(job_id, "started")
        await jobs.cancel(job_id)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "cancelling", "cancelled"]


@pytest.mark.parametrize("letter", ["x", "\0", "\U0001f600"])
async def test_an_error_is_reported_however_small_the_largest_event_is(
    job_settings: Settings, watcher: JobWatcher, letter: str
) -> None:
    settings = replace(job_settings, max_event_bytes=1024)
    with open_publisher(settings) as publisher:
        broker = create_broker(settings, publisher, max_retries=1, retry_seconds=(0.01, 0.02))

        @dramatiq.actor(broker=broker)
        def hopeless() -> None:
            streamer.progress().update(0.5, letter * 900, what=letter * 900)
            raise OSError(letter * 900)

        with working(broker):
            job_id = hopeless.send_with_options(project_id="p" * 64).message_id
            bodies = await watcher.ended(job_id)
        broker.client.close()
    story = await watcher.story(job_id)
    assert story == ["queued", "started", "retrying", "started", "error"]
    assert bodies[-1]["error"].startswith(letter * 10)
    assert 0.5 in [body.get("progress") for body in bodies]


async def test_no_update_fails_a_job(job_broker: Broker, watcher: JobWatcher) -> None:
    @dramatiq.actor(broker=job_broker)
    def careless() -> str:
        fraction = 0.0
        for step in range(20):
            fraction += 0.05
            streamer.progress().update(fraction, "\udce4" * step, file="\udce4", huge="x" * 70_000)
        streamer.progress().update(2.0, object(), what=object())  # type: ignore[arg-type]
        for _ in streamer.track(range(3), total=-1, message="\udce4"):
            pass
        return "done"

    with working(job_broker):
        job_id = careless.send().message_id
        bodies = await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "completed"]
    assert bodies[-1]["attempt"] == 1
    assert [body for body in bodies if body["type"] == "progress"][-1]["progress"] == 1.0


async def test_what_a_child_of_a_job_reports_last_is_published(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """It is forked while another thread reports without a pause."""
    fork = multiprocessing.get_context("fork")

    def count(job: Progress) -> None:
        for step in range(2, 100):
            job.update(step / 100, "in the child")

    @dramatiq.actor(broker=job_broker)
    def forks() -> int | None:
        job, over = streamer.progress(), threading.Event()

        def report() -> None:
            while not over.wait(0.0001):
                job.update(0.01)

        reporter = threading.Thread(target=report)
        reporter.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            child = fork.Process(target=count, args=(job,), daemon=True)
            child.start()
        child.join(DEADLINE)
        over.set()
        reporter.join()
        code = child.exitcode
        child.kill()
        return code

    with working(job_broker):
        bodies = await watcher.ended(forks.send().message_id)
    assert bodies[-1]["result"] == 0
    told = [body["progress"] for body in bodies if body.get("message") == "in the child"]
    assert told[-1] == 0.99


async def test_a_cancel_that_was_asked_for_while_the_worker_died_is_heeded_at_the_next_start(
    job_broker: Broker, watcher: JobWatcher, jobs: Jobs, redis_log: RedisEventLog
) -> None:
    @dramatiq.actor(broker=job_broker)
    def work() -> None:
        raise AssertionError

    message = work.send()
    job_id = message.message_id
    await Publisher(redis_log).status(
        f"jobs/{job_id}", "started", attempt=1, idempotency_key=start_key(job_id, 1)
    )
    assert (await jobs.cancel(job_id))["status"] == "running"
    with working(job_broker):
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "cancelling", "cancelled"]


async def test_a_cancel_that_wins_against_the_start_leaves_nothing_running(
    job_broker: Broker,
    watcher: JobWatcher,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cancel comes after the worker has looked, and before it has told the start."""
    runs = []

    @dramatiq.actor(broker=job_broker)
    def work() -> None:
        runs.append(1)

    middleware = next(m for m in job_broker.middleware if isinstance(m, JobEvents))
    reports = middleware._reports
    look = reports.look
    loop = asyncio.get_running_loop()
    looks: list[str] = []

    def look_then_cancel(topics: tuple[str, ...], run: str) -> tuple[Snapshot | None, bool]:
        seen = look(topics, run)
        if not looks:
            job_id = topics[-1].removeprefix("jobs/")
            asyncio.run_coroutine_threadsafe(jobs.cancel(job_id), loop).result(DEADLINE)
        looks.append(run)
        return seen

    monkeypatch.setattr(reports, "look", look_then_cancel)
    with working(job_broker):
        job_id = work.send().message_id
        await watcher.ended(job_id)
        await wait_until(lambda: len(looks) == 2, "the worker did not look again")
    assert await watcher.story(job_id) == ["queued", "cancelled"]
    assert runs == []


async def test_an_attempt_that_was_superseded_tells_nothing_more(
    job_broker: Broker,
    watcher: JobWatcher,
    redis_log: RedisEventLog,
    long_job: dramatiq.Actor[[], None],
) -> None:
    """A worker that was thought dead wakes up, while another runs the job's next attempt."""
    with working(job_broker) as worker:
        job_id = long_job.send().message_id
        await watcher.told(job_id, "started")
        await Publisher(redis_log).status(f"jobs/{job_id}", "started", attempt=2)
        await asyncio.to_thread(worker.join)
    assert await watcher.story(job_id) == ["queued", "started", "started"]
    assert (await watcher.snapshot(job_id)).status == "running"


async def test_a_job_that_was_called_stalled_and_is_not_says_so_though_it_has_no_progress(
    job_broker: Broker,
    watcher: JobWatcher,
    jobs: Jobs,
    redis_log: RedisEventLog,
    long_job: dramatiq.Actor[[], None],
) -> None:
    with working(job_broker):
        job_id = long_job.send().message_id
        await watcher.came_to(job_id, 0.5)
        await Publisher(redis_log).status(f"jobs/{job_id}", "stalled", attempt=1)
        await watcher.told(job_id, "running")
        assert (await watcher.snapshot(job_id)).message == "The worker is back"
        await jobs.cancel(job_id)
        await watcher.ended(job_id)


async def test_a_job_holds_its_lease_until_it_is_over(
    job_broker: Broker,
    watcher: JobWatcher,
    jobs: Jobs,
    redis_log: RedisEventLog,
    long_job: dramatiq.Actor[[], None],
) -> None:
    """However it ends; and a retry is not held."""

    @dramatiq.actor(broker=job_broker)
    def fails() -> None:
        raise OSError("disk full")

    def held() -> list[bytes]:
        found: list[bytes] = job_broker.client.hkeys(redis_log._keys.leases)  # type: ignore[attr-defined]
        return found

    with working(job_broker):
        job_id = long_job.send().message_id
        await watcher.told(job_id, "started")
        assert held() == [job_id.encode()]
        await jobs.cancel(job_id)
        await watcher.ended(job_id)
        await watcher.ended(fails.send().message_id)
        await wait_until(lambda: not held(), "the lease of a job that is over is still held")


HOOKS = (
    *("before_enqueue", "after_enqueue", "before_process_message"),
    *("after_process_message", "after_skip_message", "before_ack", "before_nack"),
)


def twice(hook: Callable[..., None]) -> Callable[..., None]:
    def call(*arguments: object, **options: object) -> None:
        hook(*arguments, **options)
        hook(*arguments, **options)

    return call


async def test_each_hook_may_be_called_twice_and_after_the_end(
    job_broker: Broker, watcher: JobWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dramatiq calls some of them more often than one would think."""
    failures = iter([OSError("disk full")])

    @dramatiq.actor(broker=job_broker)
    def fickle() -> str:
        for failure in failures:
            raise failure
        return "done"

    (events,) = (m for m in job_broker.middleware if isinstance(m, JobEvents))
    for name in HOOKS:
        monkeypatch.setattr(events, name, twice(getattr(events, name)))
    with working(job_broker) as worker:
        message = fickle.send()
        await watcher.ended(message.message_id)
        for delay in (None, 10):
            job_broker.enqueue(message, delay=delay)
            await watcher.told(message.message_id, "completed", times=2 if delay is None else 3)
        deliver_again(job_broker, message)
        await watcher.ended(fickle.send().message_id)
        await asyncio.to_thread(worker.join)
    story = ["queued", "started", "retrying", "started", "completed"]
    again = ["queued", "started", "completed"]
    assert await watcher.story(message.message_id) == [*story, *again, *again]


async def test_a_job_is_cancelled_between_two_attempts(
    job_settings: Settings, job_publisher: SyncPublisher, watcher: JobWatcher, jobs: Jobs
) -> None:
    """Its message waits for its time; when that comes it is not started."""
    broker = create_broker(job_settings, job_publisher, retry_seconds=(0.5, 0.5))
    runs = []

    @dramatiq.actor(broker=broker)
    def hopeless() -> None:
        runs.append(1)
        raise OSError("disk full")

    with working(broker) as worker:
        job_id = hopeless.send().message_id
        await watcher.told(job_id, "retrying")
        for _ in range(2):
            state = await jobs.cancel(job_id)
            assert (state["status"], state["attempt"]) == ("cancelled", 1)
        await asyncio.to_thread(worker.join)
    broker.client.close()
    assert runs == [1]
    assert await watcher.story(job_id) == ["queued", "started", "retrying", "cancelled"]


async def test_a_job_whose_retry_could_not_be_queued_is_an_error(
    job_broker: Broker, watcher: JobWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dramatiq only logs that, and nobody would run the job again."""

    def refuse(*_: object) -> None:
        raise ConnectionError("the queue is away")

    @dramatiq.actor(broker=job_broker)
    def fails() -> None:
        monkeypatch.setattr(job_broker, "do_enqueue", refuse)
        raise OSError("disk full")

    with working(job_broker):
        job_id = fails.send().message_id
        bodies = await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "retrying", "error"]
    assert bodies[-1]["error"] == "disk full"


async def test_a_stopping_worker_interrupts_its_job_which_is_retried_and_completed(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=job_broker)
    def work() -> None:
        attempts.append(1)
        never = threading.Event()
        while len(attempts) == 1 and not never.wait(0.01):
            pass

    with working(job_broker):
        job_id = work.send().message_id
        await wait_until(lambda: attempts, "the job did not begin")
    assert await watcher.story(job_id) == ["queued", "started", "retrying"]
    with working(job_broker):
        await watcher.ended(job_id)
    assert (await watcher.story(job_id))[2:] == ["retrying", "started", "completed"]
    assert (await watcher.snapshot(job_id)).attempt == 2


@pytest.mark.parametrize(
    ("kwargs", "options", "topics"),
    [
        ({}, {}, ()),
        ({}, {"project_id": "p1"}, ("projects/p1",)),
        ({"project_id": "p2"}, {}, ("projects/p2",)),
        ({"project_id": "p2"}, {"project_id": "p1"}, ("projects/p1",)),
        ({"project_id": 42}, {}, ("projects/42",)),
        ({}, {"project_id": 0}, ("projects/0",)),
        ({}, {"project_id": uuid.UUID(int=1)}, (f"projects/{uuid.UUID(int=1)}",)),
        ({"project_id": "p2"}, {"project_id": ""}, ("projects/p2",)),
        ({"project_id": 4.2}, {}, ()),
        ({"project_id": True}, {}, ()),
        ({"project_id": ["p1"]}, {}, ()),
        ({}, {"project_id": "no/project"}, ()),
    ],
)
def test_the_project_of_a_job_is_its_option_or_its_argument(
    kwargs: dict[str, object], options: dict[str, object], topics: tuple[str, ...]
) -> None:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="q", actor_name="a", args=(), kwargs=kwargs, options=options, message_id="m"
    )
    assert topics_of(message) == (*topics, "jobs/m")


def a_status(status: str, **fields: object) -> Event:
    new = new_event("jobs/j", "status", {"status": status, **fields})
    return Event(Cursor(1, 0), new.type, new.topics, new.fields, terminal=new.terminal)


def a_progress(attempt: int) -> Event:
    new = new_event("jobs/j", "progress", {"progress": 0.5, "attempt": attempt})
    return Event(Cursor(1, 0), new.type, new.topics, new.fields)


@pytest.mark.parametrize(
    ("event", "superseded", "cancelled"),
    [
        (a_status("started", attempt=2), False, False),
        (a_status("retrying", attempt=2), False, False),
        (a_status("queued"), False, False),
        (a_progress(9), False, False),
        (a_status("started", attempt=3), True, True),
        (a_status("cancelled"), True, True),
        (a_status("cancelling"), False, True),
    ],
)
def test_a_job_learns_from_its_events_whether_to_stop(
    event: Event, superseded: bool, cancelled: bool
) -> None:
    job = RunningJob(Run(("jobs/j",), "work"), 2, Progress(lambda *_: None))
    job.look_at(event)
    assert (job.superseded, job.progress.cancelled) == (superseded, cancelled)


async def test_a_job_runs_and_is_not_delayed_for_long_when_nobody_can_be_told(
    job_settings: Settings,
) -> None:
    """The log is elsewhere, and away; the queue is not."""
    done = threading.Event()
    publisher = SyncPublisher(lambda: RedisEventLog("unix:///nowhere/at/all.sock"))
    broker = create_broker(job_settings, publisher)

    @dramatiq.actor(broker=broker)
    def work() -> None:
        streamer.progress().update(0.5)
        done.set()

    with working(broker):
        await asyncio.to_thread(work.send)
        await wait_until(done.is_set, "the job did not run")
    publisher.close(0)
    broker.client.close()


async def test_a_job_that_does_not_know_which_attempt_it_is_says_no_answer(
    job_settings: Settings,
) -> None:
    """Another may have begun with the same number: readers would add up what both say."""
    refused = threading.Event()
    publisher = SyncPublisher(lambda: RedisEventLog("unix:///nowhere/at/all.sock"))
    broker = create_broker(job_settings, publisher)

    @dramatiq.actor(broker=broker, max_retries=0)
    def work() -> None:
        with pytest.raises(LogUnavailable, match="next attempt"):
            streamer.answer("chats/1")
        refused.set()

    with working(broker):
        await asyncio.to_thread(work.send)
        await wait_until(refused.is_set, "an answer was begun")
    publisher.close(0)
    broker.client.close()
