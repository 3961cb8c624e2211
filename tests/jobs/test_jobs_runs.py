"""Jobs whose message is enqueued again: a new run each time, and no run twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Message, group, pipeline
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, CurrentMessage, Pipelines, Retries

import streamer
from streamer import SyncPublisher
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.broker import create_broker
from streamer.jobs.middleware import JobEvents
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher, deliver_again, working
from support.waiting import DEADLINE, wait_until

ONE = ["queued", "started", "completed"]


@pytest.fixture
def broker(job_broker: Broker) -> Broker:
    job_broker.add_middleware(CurrentMessage())
    return job_broker


@pytest.fixture
def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    return Jobs(job_settings, redis_log, Publisher(redis_log))


@pytest.fixture
def plain(job_settings: Settings) -> Iterator[Broker]:
    """What a process without the middleware enqueues with."""
    broker = create_broker(job_settings)
    yield broker
    broker.client.close()


def current() -> Message[Any]:
    message = CurrentMessage.get_current_message()
    assert message is not None
    return message


def dead_letters(broker: Broker) -> list[Message[Any]]:
    letters = broker.client.hvals(f"{broker.namespace}:default.XQ.msgs")  # type: ignore[attr-defined]
    return [Message.decode(letter) for letter in letters]


@pytest.mark.parametrize("delay", [None, 20, 200])
async def test_work_that_enqueues_itself_again_runs_again(
    broker: Broker, watcher: JobWatcher, delay: int | None
) -> None:
    runs: list[str] = []

    @dramatiq.actor(broker=broker)
    def steps() -> int:
        streamer.progress().update(0.5)
        runs.append(current().message_id)
        if len(runs) < 3:
            broker.enqueue(current(), delay=delay)
        return len(runs)

    with working(broker, threads=1):
        job_id = steps.send().message_id
        await watcher.told(job_id, "completed", times=3)
    assert runs == [job_id] * 3
    assert await watcher.story(job_id) == [*ONE, *ONE, *ONE]
    bodies = await watcher.bodies(job_id)
    assert [body["result"] for body in bodies if body["type"] == "completed"] == [1, 2, 3]
    assert {body.get("attempt", 1) for body in bodies} == {1}
    names = [body.get("run") for body in bodies if body["type"] == "completed"]
    assert names[0] is None
    assert len(set(names)) == 3
    snapshot = await watcher.snapshot(job_id)
    assert (snapshot.status, snapshot.progress, snapshot.attempt) == ("completed", 1.0, 1)


async def test_between_two_runs_the_job_is_queued(broker: Broker, watcher: JobWatcher) -> None:
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def steps() -> None:
        runs.append(1)
        if len(runs) == 1:
            broker.enqueue(current(), delay=60_000)

    with working(broker):
        job_id = steps.send().message_id
        await watcher.told(job_id, "queued", times=2)
        snapshot = await watcher.snapshot(job_id)
    assert (snapshot.status, snapshot.progress, snapshot.terminal) == ("queued", 0.0, None)


async def test_a_run_that_starts_before_the_last_one_is_over_is_what_the_job_is_at(
    broker: Broker, watcher: JobWatcher
) -> None:
    """The first goes on, is not cancelled, and reports nothing more."""
    first_may_end, second_may_end = threading.Event(), threading.Event()
    ended: list[str] = []

    @dramatiq.actor(broker=broker, max_retries=0)
    def twice() -> str:
        if current().options["streamer_run"] == "":
            streamer.progress().update(0.7)
            broker.enqueue(current())
            first_may_end.wait(DEADLINE)
            streamer.progress().update(0.9)
            ended.append("first")
            return "first"
        streamer.progress().update(0.2)
        second_may_end.wait(DEADLINE)
        ended.append("second")
        return "second"

    with working(broker, threads=2):
        job_id = twice.send().message_id
        await watcher.came_to(job_id, 0.2)
        first_may_end.set()
        await wait_until(lambda: ended, "the first run did not end")
        second_may_end.set()
        bodies = await watcher.ended(job_id)
    assert ended == ["first", "second"]
    assert bodies[-1]["result"] == "second"
    assert await watcher.story(job_id) == ["queued", "started", "started", "completed"]
    assert (await watcher.snapshot(job_id)).attempt == 2


@pytest.mark.parametrize("how", ["decoded", "copy", "new", "plain", "plain and new", "delayed"])
async def test_a_message_enqueued_again_after_its_end_runs_again(
    broker: Broker, plain: Broker, watcher: JobWatcher, how: str
) -> None:
    """By whoever has the message, or one with its id."""
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        runs.append(1)

    with working(broker):
        message = work.send()
        await watcher.ended(message.message_id)
        for times in (2, 3):
            again = message
            if how == "decoded":
                again = Message.decode(message.encode())
            elif how == "copy":
                again = message.copy()
            elif "new" in how:
                again = work.message()
                object.__setattr__(again, "message_id", message.message_id)
            enqueuing = plain if "plain" in how else broker
            enqueuing.enqueue(again, delay=10 if how == "delayed" else None)
            await watcher.told(message.message_id, "completed", times=times)
    assert len(runs) == 3
    story = await watcher.story(message.message_id)
    assert story == [*ONE, *ONE, *ONE]


async def test_a_dead_letter_that_is_put_back_runs_again(
    broker: Broker, watcher: JobWatcher
) -> None:
    """And is retried as one that was never tried, where its count of retries is reset."""
    broken = True
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        attempts.append(1)
        if broken or len(attempts) == 4:
            raise OSError("disk full")

    with working(broker):
        job_id = work.send().message_id
        await watcher.ended(job_id)
        await wait_until(lambda: dead_letters(broker), "there is no dead letter")
        (letter,) = dead_letters(broker)
        broken = False
        broker.enqueue(letter.copy(options={"retries": 0}))
        await watcher.told(job_id, "completed")
    assert len(attempts) == 5
    story = await watcher.story(job_id)
    assert story[-6:] == ["error", "queued", "started", "retrying", "started", "completed"]
    bodies = await watcher.bodies(job_id)
    assert [body["attempt"] for body in bodies if body.get("status") == "started"] == [
        *(1, 2, 3),
        *(1, 2),
    ]


async def test_a_dead_letter_that_keeps_its_retries_is_attempted_once(
    broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=broker)
    def hopeless() -> None:
        raise OSError("disk full")

    with working(broker):
        job_id = hopeless.send().message_id
        await watcher.ended(job_id)
        await wait_until(lambda: dead_letters(broker), "there is no dead letter")
        broker.enqueue(dead_letters(broker)[0])
        await watcher.told(job_id, "error", times=2)
    assert (await watcher.story(job_id))[-3:] == ["queued", "started", "error"]
    assert (await watcher.bodies(job_id))[-1]["attempt"] == 1


async def test_no_run_that_is_over_is_run_again_however_late_its_message_comes(
    broker: Broker, watcher: JobWatcher
) -> None:
    """A worker died after the end was in the log, before the message was acknowledged."""
    runs: list[str] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        runs.append(current().options["streamer_run"])

    with working(broker) as worker:
        first = work.send()
        await watcher.ended(first.message_id)
        second = broker.enqueue(first)
        await watcher.told(first.message_id, "completed", times=2)
        for message in (first, second, first):
            deliver_again(broker, message)
        await watcher.ended(work.send().message_id)
        await asyncio.to_thread(worker.join)
    assert len(runs) == 3
    assert await watcher.story(first.message_id) == [*ONE, *ONE]


async def test_a_run_that_was_enqueued_without_the_middleware_is_not_run_twice_either(
    broker: Broker, plain: Broker, watcher: JobWatcher
) -> None:
    runs: list[str] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        runs.append("run")

    with working(broker) as worker:
        message = plain.enqueue(work.message())
        await watcher.ended(message.message_id)
        deliver_again(broker, message)
        await watcher.ended(work.send().message_id)
        await asyncio.to_thread(worker.join)
    assert len(runs) == 2


async def test_a_job_that_was_cancelled_runs_when_it_is_enqueued_again(
    broker: Broker, watcher: JobWatcher, jobs: Jobs
) -> None:
    """Whether it was cancelled in the queue or while it ran; and can be cancelled again."""
    wait = threading.Event()

    @dramatiq.actor(broker=broker)
    def draw() -> None:
        for _ in streamer.track(range(100_000)):
            wait.wait(0.01)

    message = draw.send()
    await jobs.cancel(message.message_id)
    for times in (1, 2):
        again = broker.enqueue(message)
        with working(broker):
            await watcher.told(message.message_id, "started", times=times)
            await jobs.cancel(again.message_id)
            await watcher.told(message.message_id, "cancelled", times=times + 1)
    steps = ["queued", "started", "cancelling", "cancelled"]
    assert await watcher.story(message.message_id) == ["queued", "cancelled", *steps, *steps]


async def test_a_run_that_waits_is_cancelled_before_it_starts(
    broker: Broker, watcher: JobWatcher, jobs: Jobs
) -> None:
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        runs.append(1)

    with working(broker):
        message = work.send()
        await watcher.ended(message.message_id)
    broker.enqueue(message)
    assert (await jobs.cancel(message.message_id))["status"] == "cancelled"
    with working(broker):
        await watcher.ended(work.send().message_id)
    assert len(runs) == 2
    assert await watcher.story(message.message_id) == [*ONE, "queued", "cancelled"]


async def test_pipelines_and_groups_that_are_run_again_run_all_of_their_jobs_again(
    broker: Broker, watcher: JobWatcher
) -> None:
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def add(x: int, y: int) -> int:
        runs.append(x + y)
        return x + y

    chain: Any = pipeline([add.message(1, 2), add.message_with_options(args=(3,))], broker=broker)
    parts: Any = group(  # type: ignore[no-untyped-call]
        [add.message(n, 10) for n in range(2)], broker=broker
    )
    ids = [message.message_id for message in (*chain.messages, *parts.children)]
    with working(broker):
        for times in (1, 2):
            chain.run()
            parts.run()
            for job_id in ids:
                await watcher.told(job_id, "completed", times=times)
    assert sorted(runs) == [3, 3, 6, 6, 10, 10, 11, 11]


@pytest.mark.parametrize("place", [{}, {"before": AgeLimit}, {"before": Retries}])
async def test_the_place_of_the_middleware_does_not_matter(
    job_settings: Settings,
    job_publisher: SyncPublisher,
    watcher: JobWatcher,
    place: dict[str, Any],
) -> None:
    broker = create_broker(job_settings, max_retries=2, retry_seconds=(0.01, 0.02))
    broker.add_middleware(JobEvents(job_publisher), **place)
    failures = iter([OSError("disk full")])

    @dramatiq.actor(broker=broker)
    def fickle(n: int) -> int:
        for failure in failures:
            raise failure
        return n + 1

    @dramatiq.actor(broker=broker)
    def hopeless() -> None:
        raise OSError("disk full")

    with working(broker):
        chain: Any = pipeline([fickle.message(1), fickle.message_with_options()], broker=broker)
        chain.run()
        failed = hopeless.send().message_id
        ids = [message.message_id for message in chain.messages]
        results = [(await watcher.ended(job_id))[-1]["result"] for job_id in ids]
        await watcher.ended(failed)
    broker.client.close()
    assert results == [2, 3]
    assert await watcher.story(ids[0]) == [
        *("queued", "started", "retrying", "started", "completed")
    ]
    assert await watcher.story(failed) == [
        *("queued", *["started", "retrying"] * 2, "started", "error")
    ]


async def test_a_worker_that_dies_before_the_next_job_of_a_pipeline_is_enqueued_does_it_all_again(
    broker: Broker, watcher: JobWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the first is not in the log before that."""
    seen: list[list[str]] = []
    loop = asyncio.get_running_loop()
    (pipelines,) = (m for m in broker.middleware if isinstance(m, Pipelines))
    after: Callable[..., None] = pipelines.after_process_message

    def look(broker: Broker, message: dramatiq.MessageProxy, **outcome: object) -> None:
        story = asyncio.run_coroutine_threadsafe(watcher.story(message.message_id), loop)
        seen.append(story.result(DEADLINE))
        after(broker, message, **outcome)

    monkeypatch.setattr(pipelines, "after_process_message", look)

    @dramatiq.actor(broker=broker)
    def add(x: int, y: int) -> int:
        return x + y

    with working(broker):
        chain: Any = pipeline(
            [add.message(1, 2), add.message_with_options(args=(3,))], broker=broker
        )
        chain.run()
        await watcher.ended(chain.messages[1].message_id)
    assert seen == [["queued", "started"]] * 2


async def test_a_broker_that_keeps_messages_in_memory_runs_them_again() -> None:
    log = MemoryEventLog()
    watcher = JobWatcher(log)
    failures = iter([OSError("disk full")])
    runs: list[int] = []
    with SyncPublisher(lambda: log) as publisher:
        broker = StubBroker()
        for middleware in (Retries(min_backoff=1, max_backoff=2), CurrentMessage()):
            broker.add_middleware(middleware)
        broker.add_middleware(JobEvents(publisher))

        @dramatiq.actor(broker=broker)
        def work() -> None:
            runs.append(1)
            if len(runs) == 1:
                broker.enqueue(current(), delay=10)
            for failure in failures:
                raise failure

        with working(broker):
            message = work.send()
            await watcher.told(message.message_id, "completed", times=2)
            broker.enqueue(message)
            await watcher.told(message.message_id, "completed", times=3)
    assert len(runs) == 4


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


async def test_an_exception_that_says_nothing_is_reported_by_its_name(
    broker: Broker, watcher: JobWatcher
) -> None:
    @dramatiq.actor(broker=broker, max_retries=1)
    def work() -> None:
        raise Silent

    with working(broker):
        job_id = work.send().message_id
        bodies = await watcher.ended(job_id)
    assert (await watcher.story(job_id))[-3:] == ["retrying", "started", "error"]
    assert bodies[-1]["error"] == "Silent (its text cannot be read: RuntimeError)"


async def test_an_actor_has_a_project_for_all_its_jobs(
    broker: Broker, watcher: JobWatcher, redis_log: RedisEventLog, plain: Broker
) -> None:
    """Unless a message or an argument names another one; a number is as good as text."""

    @dramatiq.actor(broker=broker, project_id="fixed")
    def work(project_id: object = None) -> None:
        pass

    with working(broker):
        sent = [
            (work.send(), "fixed"),
            (plain.enqueue(work.message()), "fixed"),
            (work.send_with_options(project_id=42), "42"),
            (work.send(project_id=7), "7"),
        ]
        for message, project in sent:
            bodies = await watcher.ended(message.message_id)
            assert {body.get("project_id") for body in bodies} == {project}
    assert len((await redis_log.snapshots(["projects/fixed"]))["projects/fixed"].tasks) == 1


async def test_a_project_that_is_none_is_warned_of_once_and_costs_the_job_nothing(
    broker: Broker, watcher: JobWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    @dramatiq.actor(broker=broker)
    def warned(project_id: object) -> None:
        pass

    with working(broker):
        for _ in range(2):
            await watcher.ended(warned.send(project_id=[1]).message_id)
    (record,) = (record for record in caplog.records if "project" in record.getMessage())
    assert "must be text or a whole number" in record.getMessage()


@pytest.mark.parametrize("message_id", ["no/topic", 42, "x" * 65])
async def test_a_job_whose_id_is_no_part_of_a_topic_runs(
    broker: Broker, watcher: JobWatcher, message_id: object, caplog: pytest.LogCaptureFixture
) -> None:
    """With events, where the id can be written; else with one warning."""
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        streamer.progress().update(0.5)
        runs.append(1)

    message = work.message()
    object.__setattr__(message, "message_id", message_id)
    with working(broker) as worker:
        broker.enqueue(message)
        await wait_until(lambda: runs, "the job did not run")
        await asyncio.to_thread(worker.join)
    if message_id == 42:
        assert await watcher.story("42") == ONE
    assert not [record for record in caplog.records if record.levelname == "CRITICAL"]
