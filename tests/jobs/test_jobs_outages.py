"""The Redis that jobs wait in goes away: no message is lost, and none is run twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import dramatiq
import dramatiq.worker
import msgspec
import pytest
from dramatiq import Broker, Worker

from streamer.config.settings import Settings
from streamer.jobs.broker import create_broker
from streamer.jobs.outlasting import OutlastingBroker
from streamer.publishing.sync_publisher import SyncPublisher
from support.jobs import JobWatcher, working
from support.servers import Server
from support.tcp_proxy import TcpProxy
from support.waiting import DEADLINE, wait_until

#: Seconds that a retry waits here, where it is to be met while it waits.
WAIT = 2.0
#: What a consumer says that was cut off, and what a job does whose retry is not taken.
CUT_OFF = "Consumer encountered a connection error"
NOT_TAKEN = "a message waits to be enqueued"


class Line:
    """Between a worker and the Redis of its jobs; the events have another."""

    def __init__(self, proxy: TcpProxy, caplog: pytest.LogCaptureFixture) -> None:
        self.proxy = proxy
        self._caplog = caplog

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut it, until the context is left."""
        self.proxy.refuse()
        self.proxy.cut(reset=True)
        yield
        self.proxy.accept()

    async def is_noticed(self, text: str, queue: str = "") -> None:
        """Wait until something is logged, of a queue."""

        def found() -> bool:
            return any(
                record.getMessage().startswith(text) and record.name.endswith(queue)
                for record in self._caplog.records
            )

        await wait_until(found, lambda: f"{text!r} was not logged: {self._caplog.text}")


@pytest.fixture
def line(
    redis_server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    for name in ("CONSUMER_RESTART_DELAY_SECS", "POST_PROCESS_MESSAGE_RETRY_DELAY_SECS"):
        monkeypatch.setattr(dramatiq.worker, name, 0.05)
    caplog.set_level("INFO")
    with TcpProxy(redis_server.url.removeprefix("unix://")) as proxy:
        yield Line(proxy, caplog)


@pytest.fixture
def open_broker(
    job_settings: Settings, job_publisher: SyncPublisher
) -> Iterator[Callable[[str, float], Broker]]:
    """Open a broker over a Redis, whose retry waits so many seconds; all are closed."""
    with ExitStack() as stack:

        def open_(url: str, wait: float) -> Broker:
            settings = msgspec.structs.replace(job_settings, broker_url=url)
            broker = create_broker(
                settings, job_publisher, max_retries=1, retry_seconds=(wait, wait)
            )
            stack.callback(broker.client.close)
            return broker

        yield open_


@pytest.fixture
def broker(open_broker: Callable[[str, float], Broker], line: Line) -> Broker:
    return open_broker(line.proxy.redis_url, 0.01)


@pytest.fixture
def patient_broker(open_broker: Callable[[str, float], Broker], line: Line) -> Broker:
    """One whose retry waits for a while."""
    return open_broker(line.proxy.redis_url, WAIT)


class Held:
    """An actor of one project, whose first attempt fails when it is told to."""

    def __init__(self, broker: Broker) -> None:
        self.go = threading.Event()
        self._attempts = 0

        @dramatiq.actor(broker=broker)
        def held() -> str:
            self._attempts += 1
            if self._attempts == 1:
                self.go.wait(DEADLINE)
                raise RuntimeError("the first attempt")
            return "the second"

        self._actor = held

    def send(self) -> str:
        return send(self._actor)


def send(actor: dramatiq.Actor[Any, Any]) -> str:
    """Enqueue a job of a project; its id."""
    return actor.send_with_options(project_id="p1").message_id


def waiting(worker: Worker) -> int:
    """How many messages wait in a worker for their time."""
    return worker.consumers["default.DQ"].delay_queue.qsize()


TRIED_AGAIN = ["queued", "started", "retrying", "started", "completed"]


async def test_a_job_that_fails_meanwhile_is_tried_again_when_redis_is_back(
    broker: Broker, line: Line, watcher: JobWatcher
) -> None:
    job = Held(broker)
    with working(broker):
        job_id = job.send()
        await watcher.told(job_id, "started")
        with line.away():
            job.go.set()
            await line.is_noticed(NOT_TAKEN)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == TRIED_AGAIN


async def test_a_job_that_fails_while_redis_is_full_is_tried_again_when_there_is_room(
    own_server: Server, line: Line, open_broker: Callable[[str, float], Broker],
    watcher: JobWatcher,
) -> None:  # fmt: skip
    broker = open_broker(own_server.url, 0.01)
    job = Held(broker)
    with own_server.client() as redis, working(broker):
        job_id = job.send()
        await watcher.told(job_id, "started")
        redis.config_set("maxmemory", 1)
        job.go.set()
        await line.is_noticed(NOT_TAKEN)
        redis.config_set("maxmemory", 0)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == TRIED_AGAIN


async def test_what_is_piped_behind_a_job_that_ends_meanwhile_is_run(
    broker: Broker, line: Line, watcher: JobWatcher
) -> None:
    go = threading.Event()

    @dramatiq.actor(broker=broker)
    def first() -> str:
        go.wait(DEADLINE)
        return "handed on"

    @dramatiq.actor(broker=broker)
    def second(given: str) -> str:
        return given

    one = first.message_with_options(project_id="p1")
    two = second.message_with_options(project_id="p1")
    with working(broker):
        dramatiq.pipeline([one, two], broker=broker).run()  # type: ignore[no-untyped-call]
        await watcher.told(one.message_id, "started")
        with line.away():
            go.set()
            await line.is_noticed(NOT_TAKEN)
        bodies = await watcher.ended(two.message_id)
    assert bodies[-1]["result"] == "handed on"
    assert (await watcher.story(one.message_id))[-1] == "completed"


async def test_a_retry_that_waits_for_its_time_outlasts_an_outage(
    patient_broker: Broker, line: Line, watcher: JobWatcher
) -> None:
    job = Held(patient_broker)
    job.go.set()
    with working(patient_broker) as worker:
        job_id = job.send()
        await wait_until(lambda: waiting(worker) == 1, "no worker has the retry")
        with line.away():
            await line.is_noticed(CUT_OFF, "(default.DQ)")
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == TRIED_AGAIN


async def test_a_retry_whose_time_comes_while_redis_takes_nothing_is_run_later(
    own_server: Server, line: Line, open_broker: Callable[[str, float], Broker],
    watcher: JobWatcher,
) -> None:  # fmt: skip
    broker = open_broker(own_server.url, WAIT)
    job = Held(broker)
    job.go.set()
    with own_server.client() as redis, working(broker) as worker:
        job_id = job.send()
        await wait_until(lambda: waiting(worker) == 1, "no worker has the retry")
        redis.config_set("maxmemory", 1)
        await line.is_noticed("Consumer encountered an unexpected error", "(default.DQ)")
        redis.config_set("maxmemory", 0)
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == TRIED_AGAIN


async def test_a_message_whose_fetch_was_not_answered_is_run(
    broker: Broker, line: Line, watcher: JobWatcher
) -> None:
    """Redis gave it to this process, which never saw it."""
    ours = cast("OutlastingBroker", broker)

    @dramatiq.actor(broker=broker)
    def quick() -> str:
        return "done"

    job_id = send(quick)
    assert len(ours.do_fetch("default", 1)) == 1
    with working(broker):
        await watcher.ended(send(quick))
        assert await watcher.story(job_id) == ["queued"]
        with line.away():
            await line.is_noticed(CUT_OFF, "(default)")
        await watcher.ended(job_id)


async def test_a_job_that_runs_on_is_not_given_to_another_thread(
    broker: Broker, line: Line, watcher: JobWatcher
) -> None:
    """Its message is not acknowledged either, but it is in somebody's hands."""
    go = threading.Event()

    @dramatiq.actor(broker=broker)
    def long() -> None:
        go.wait(DEADLINE)

    @dramatiq.actor(broker=broker)
    def quick() -> None:
        pass

    with working(broker):
        job_id = send(long)
        await watcher.told(job_id, "started")
        with line.away():
            await line.is_noticed(CUT_OFF, "(default)")
        # Fetched later than whatever was put back.
        await watcher.ended(send(quick))
        go.set()
        await watcher.ended(job_id)
    assert await watcher.story(job_id) == ["queued", "started", "completed"]


async def test_a_worker_stops_though_redis_is_away(
    patient_broker: Broker, line: Line, redis_server: Server, watcher: JobWatcher
) -> None:
    """What it held is taken by others once it is dead, as if it had been killed."""
    job = Held(patient_broker)
    job.go.set()
    ours = cast("OutlastingBroker", patient_broker)
    taken = f"{ours.namespace}:__acks__.{ours.broker_id}.default"
    with working(patient_broker) as worker, redis_server.client() as redis:
        job_id = job.send()
        await wait_until(lambda: waiting(worker) == 1, "no worker has the retry")
        await wait_until(lambda: not redis.exists(taken), "the attempt was not acknowledged")
        line.proxy.refuse()
        line.proxy.cut(reset=True)
    assert not any(thread.is_alive() for thread in worker.workers)
    assert await watcher.story(job_id) == TRIED_AGAIN[:3]
