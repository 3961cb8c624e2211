"""``streamer.install`` for Dramatiq: any broker, any middleware, in one line."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import dramatiq
import msgspec
import pytest
from dramatiq import Broker, Middleware
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import (
    AgeLimit,
    CurrentMessage,
    Retries,
    ShutdownNotifications,
    TimeLimit,
    default_middleware,
)
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend

import streamer
from streamer.errors import LogUnavailable
from streamer.eventlog.embedded.server import EmbeddedServer
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.jobs.handed_back import HandedBack
from streamer.jobs.interruptions import Interruptions
from streamer.jobs.middleware import JobEvents
from support.documents import file_in
from support.jobs import JobWatcher, working
from support.live import StartLive
from support.processes import Program
from support.processes import streamer as command
from support.servers import Server

DOCUMENT: Final = "docs/QUEUES.md"
#: Nothing is connected to before something is enqueued.
BROKERS: Final[list[Callable[[], Broker]]] = [
    StubBroker,
    lambda: RedisBroker(url="redis://127.0.0.1:1"),  # type: ignore[no-untyped-call]
    lambda: RabbitmqBroker(url="amqp://127.0.0.1:1"),
]
NOWHERE: Final = "redis://127.0.0.1:1"


def place_in(broker: Broker) -> int:
    """Where the one middleware of ours stands."""
    (place,) = (n for n, each in enumerate(broker.middleware) if isinstance(each, JobEvents))
    return place


def is_right(broker: Broker) -> bool:
    """Whether it stands before all that interrupts or retries, and after `AgeLimit`."""
    place = place_in(broker)
    later = (Retries, ShutdownNotifications, TimeLimit)
    return all(
        (n > place) is isinstance(each, later)
        for n, each in enumerate(broker.middleware)
        if isinstance(each, (*later, AgeLimit))
    )


@pytest.mark.parametrize("make", BROKERS, ids=["stub", "redis", "rabbitmq"])
def test_the_middleware_stands_where_it_belongs_in_every_broker(make: Callable[[], Broker]) -> None:
    broker = make()
    streamer.install(broker, redis_url=NOWHERE)
    assert is_right(broker)
    broker.add_middleware(Interruptions())
    assert is_right(broker)


def test_whatever_middleware_was_added_before_in_whatever_order() -> None:
    kinds: list[Callable[[], Middleware]] = [
        Retries,
        TimeLimit,
        Interruptions,
        CurrentMessage,
        lambda: Results(backend=StubBackend()),  # type: ignore[no-untyped-call]
    ]
    for count in range(len(kinds) + 1):
        for some in itertools.permutations(kinds, count):
            broker = StubBroker(middleware=[kind() for kind in some])
            streamer.install(broker, redis_url=NOWHERE)
            assert is_right(broker), some


def test_a_broker_that_is_installed_twice_is_installed_once() -> None:
    broker = StubBroker()
    publisher = streamer.install(broker, redis_url=NOWHERE)
    assert streamer.install(broker, redis_url=NOWHERE) is publisher
    assert len(broker.middleware) == len(default_middleware) + len((JobEvents, HandedBack))


def test_a_broker_that_reports_to_another_log_is_refused() -> None:
    broker = StubBroker()
    streamer.install(broker, redis_url=NOWHERE)
    with pytest.raises(ValueError, match="by a publisher of its own"):
        streamer.install(broker, redis_url=NOWHERE, prefix="other")
    by_hand = StubBroker()
    by_hand.add_middleware(JobEvents(streamer.SyncPublisher(MemoryEventLog)))
    with pytest.raises(ValueError, match="leave out add_middleware"):
        streamer.install(by_hand, redis_url=NOWHERE)


def test_what_is_no_queue_is_refused_and_what_is_allowed_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"a str is no queue.*: a Dramatiq broker, a Celery app, an RQ queue"
    ):
        streamer.install("redis://localhost", redis_url=NOWHERE)
    with pytest.raises(TypeError, match="either a publisher, or"):
        streamer.install(StubBroker(), publisher=streamer.SyncPublisher(MemoryEventLog), prefix="a")


def test_without_any_log_every_way_to_name_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("STREAMER_REDIS_URL", raising=False)
    with pytest.raises(LogUnavailable, match=r"redis_url or STREAMER_REDIS_URL.*streamer run"):
        streamer.install(StubBroker())


def test_the_log_of_a_server_on_the_data_directory_is_found(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_DATA_DIR", str(short_dir))
    monkeypatch.delenv("STREAMER_REDIS_URL", raising=False)
    with EmbeddedServer(short_dir), streamer.install(StubBroker()) as publisher:
        publisher.publish("note", "said")
        assert publisher.flush()


async def test_the_environment_says_where_the_log_is(
    redis_server: Server,
    prefix: str,
    watcher: JobWatcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMER_REDIS_URL", redis_server.url)
    monkeypatch.setenv("STREAMER_PREFIX", prefix)
    broker = StubBroker()
    with streamer.install(broker):

        @dramatiq.actor(broker=broker, project_id="p1")
        def add(one: int, other: int) -> int:
            streamer.progress().update(0.5)
            return one + other

        with working(broker):
            message = add.send(1, 2)
            told = await watcher.ended(message.message_id)
    assert [each["type"] for each in told] == ["status", "status", "progress", "completed"]
    assert told[-1]["result"] == 3
    assert {each["project_id"] for each in told} == {"p1"}


def test_an_actor_of_ones_own_takes_fifteen_lines_and_is_watched_in_a_shell(
    short_dir: Path, start_live: StartLive, own_server: Server
) -> None:
    """As the document shows, with a worker of Dramatiq's own command."""
    code = file_in(DOCUMENT, "tasks.py").replace("redis://localhost:6379", own_server.url)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (short_dir / "tasks.py").write_text(code)
    live = start_live(STREAMER_REDIS_URL=own_server.url)
    environ = live.environ | {
        "PYTHONPATH": ":".join(path for path in sys.path if path.endswith("/src"))
    }
    worker = [sys.executable, "-m", "dramatiq", "tasks", "--processes", "1", "--threads", "1"]
    send = 'import tasks; tasks.thumbnails.send(["cover", "index"], project_id="demo")'
    watch = ["tail", "projects/demo", "--from", "earliest", "--until", "end", "--url", live.url]
    with Program(worker, cwd=short_dir, environ=environ):
        with Program([sys.executable, "-c", send], cwd=short_dir, environ=environ) as sender:
            assert sender.wait() == 0, sender
        with command(*watch) as tail:
            assert tail.wait() == 0, tail
    told: list[dict[str, Any]] = [msgspec.json.decode(line) for line in tail.out.splitlines()]
    assert [each.get("status", each["type"]) for each in told if "job_id" in each] == [
        *("queued", "started", "in_progress", "in_progress", "completed")
    ]
    assert told[-1]["result"] == 2
