"""The blocking publisher, over a log that fails on command and over real Redis."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from streamer import SyncPublisher
from streamer.backoff import Backoff
from streamer.errors import InvalidFields, LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from support.jobs import UnreliableLog, bodies_of
from support.processes import Program
from support.servers import Server
from support.waiting import DEADLINE, wait_until_blocking

QUICK = Backoff(0.001, 0.01)


@pytest.fixture
def log() -> UnreliableLog:
    return UnreliableLog()


class Waits:
    """The waits of a publisher: each is noted, and over at once, as if its time had passed.

    Attributes:
        seconds: how long each might have lasted.
    """

    def __init__(self, publisher: SyncPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float | None] = []
        monkeypatch.setattr(publisher._changed, "wait_for", self._pass)

    def _pass(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return condition()


@pytest.fixture
def publisher(log: UnreliableLog) -> Iterator[SyncPublisher]:
    with SyncPublisher(lambda: log, backoff=QUICK, max_events=50) as publisher:
        yield publisher


def numbers(log: UnreliableLog, topic: str = "a") -> list[int]:
    return [body["number"] for body in asyncio.run(bodies_of(log, topic)) if "number" in body]


def types(log: UnreliableLog, topic: str) -> list[str]:
    return [body["type"] for body in asyncio.run(bodies_of(log, topic))]


def test_what_is_published_is_in_the_log_after_a_flush_in_order(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    for number in range(2000):
        publisher.publish("a", "note", {"number": number})
    assert publisher.flush()
    # The log keeps the newest thousand.
    assert numbers(log) == list(range(1000, 2000))
    assert publisher.dropped == 0


def test_nothing_is_told_once_what_it_must_not_follow_was(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    publisher.completed("jobs/j", idempotency_key="end")
    publisher.progress("jobs/j", 0.5, unless=["end"])
    publisher.publish("jobs/j", "note", unless=["other"])
    assert publisher.flush()
    assert types(log, "jobs/j") == ["completed", "note"]


def test_several_threads_may_publish_and_each_keeps_its_order(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    def publish(topic: str) -> None:
        for number in range(200):
            publisher.publish(topic, "note", {"number": number})

    threads = [threading.Thread(target=publish, args=(f"t/{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert publisher.flush()
    for n in range(4):
        assert numbers(log, f"t/{n}") == list(range(200))


def test_a_log_that_fails_for_a_while_gets_everything_once_and_in_order(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    log.refusals = 5
    log.lost_replies = 3
    for number in range(40):
        publisher.publish("a", "note", {"number": number})
    assert publisher.flush()
    assert numbers(log) == list(range(40))


def test_lost_replies_in_the_middle_of_many_batches_double_nothing(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    for number in range(300):
        if number % 20 == 0:
            assert publisher.flush()
            log.lost_replies = 2
        publisher.publish("a", "note", {"number": number})
    assert publisher.flush()
    assert numbers(log) == list(range(300))


def test_while_the_log_is_away_no_publish_waits_and_the_outage_is_logged_once(
    log: UnreliableLog, caplog: pytest.LogCaptureFixture
) -> None:
    # A wait for room would last for ever, and it is the thread below that would wait.
    publisher = SyncPublisher(lambda: log, backoff=QUICK, max_events=50, block_seconds=3600)
    log.go_away()
    publisher.publish("jobs/j", "status", {"status": "started"})
    wait_until_blocking(lambda: "is away" in caplog.text, "the outage was not logged")

    def publish() -> None:
        for number in range(5000):
            publisher.progress("jobs/j", number / 5000, task_name="encode")
        publisher.completed("jobs/j", "done")

    publishing = threading.Thread(target=publish, daemon=True)
    publishing.start()
    wait_until_blocking(lambda: not publishing.is_alive(), "a publish waited for the log")
    log.come_back()
    assert publisher.flush()
    # The last progress and the end are there; nothing but old progress is missing.
    found = asyncio.run(bodies_of(log, "jobs/j"))
    assert found[0]["status"] == "started"
    assert found[-1]["result"] == "done"
    assert found[-2]["progress"] == 4999 / 5000
    assert publisher.dropped == 5002 - len(found) > 0
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len([w for w in warnings if "is away" in w]) == 1
    assert len([w for w in warnings if "dropped: the buffer is full" in w]) == 1
    assert len([w for w in warnings if "is back" in w]) == 1
    assert publisher.close()


def test_a_full_buffer_delays_a_publish_no_longer_than_it_may(
    log: UnreliableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = threading.Event()
    append_all = log.append_all

    async def slow(*arguments: object) -> object:
        await asyncio.to_thread(answering.wait, DEADLINE)
        return await append_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "append_all", slow)
    publisher = SyncPublisher(lambda: log, max_events=1, block_seconds=0.05)
    publisher.publish("a", "note", {"number": 0})
    wait_until_blocking(lambda: publisher._taken is not None, "nothing was taken")
    publisher.publish("a", "note", {"number": 1})
    with monkeypatch.context() as patch:
        waits = Waits(publisher, patch)
        publisher.publish("a", "note", {"number": 2})
    assert waits.seconds == [0.05]
    assert publisher.dropped == 1
    assert not publisher.flush(0.01)
    answering.set()
    assert publisher.close()
    assert numbers(log) == [0, 2]


def test_bad_input_is_the_callers_and_costs_nobody_else_anything(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    publisher.publish("a", "note", {"number": 0})
    with pytest.raises(InvalidFields):
        publisher.progress("a", float("nan"))
    publisher.publish("a", "note", {"number": 1})
    assert publisher.flush()
    assert numbers(log) == [0, 1]


def test_a_batch_that_the_log_refuses_for_good_does_not_hold_up_the_next(
    log: UnreliableLog, publisher: SyncPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[None]:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(log, "append_all", broken)
        publisher.publish("a", "note", {"number": 0})
        assert publisher.flush()
    publisher.publish("a", "note", {"number": 1})
    assert publisher.flush()
    assert numbers(log) == [1]
    assert publisher.dropped == 1


def test_closing_gives_up_in_time_when_the_log_stays_away(
    log: UnreliableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.go_away()
    publisher = SyncPublisher(lambda: log, backoff=QUICK)
    publisher.publish("a", "note")
    waits = Waits(publisher, monkeypatch)
    assert not publisher.close(0.05)
    assert waits.seconds == [0.05]
    thread = publisher._thread
    assert thread is not None
    wait_until_blocking(lambda: not thread.is_alive(), "the thread did not give up")
    assert publisher.dropped == 1
    publisher.publish("a", "note")  # too late, and no reason to fail a job
    assert publisher.dropped == 2


def test_a_log_in_place_of_what_makes_one_is_refused_at_once() -> None:
    """Another publisher takes a log; the thread of this one would fail where nobody hears it."""
    with pytest.raises(TypeError, match=r"makes the log, not a UnreliableLog: SyncPublisher\(lam"):
        SyncPublisher(UnreliableLog())  # type: ignore[arg-type]


def test_closing_what_was_never_used_is_immediate() -> None:
    assert SyncPublisher(UnreliableLog).close()


def test_the_log_can_be_asked_from_any_thread_and_says_if_it_does_not_answer(
    log: UnreliableLog, publisher: SyncPublisher
) -> None:
    publisher.publish("jobs/j", "status", {"status": "started", "attempt": 3})
    publisher.flush()
    found = publisher.ask(lambda log: log.snapshots(["jobs/j"]))
    assert found["jobs/j"].attempt == 3

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    with pytest.raises(LogUnavailable, match="did not answer"):
        publisher.ask(never, timeout=0.01)


def test_events_reach_real_redis_and_survive_its_restart(own_server: Server) -> None:
    """Killed with kill -9 and started again under a publisher that goes on."""

    def open_log() -> RedisEventLog:
        return RedisEventLog(own_server.url, timeout=0.5)

    async def found() -> list[int]:
        log = open_log()
        try:
            return [body["number"] for body in await bodies_of(log, "a")]
        finally:
            await log.close()

    with SyncPublisher(open_log, backoff=QUICK) as publisher:
        for number in range(100):
            publisher.publish("a", "note", {"number": number})
        assert publisher.flush()
        own_server.kill()
        for number in range(100, 200):
            publisher.publish("a", "note", {"number": number})
        assert not publisher.flush(0.05)
        own_server.start()
        assert publisher.flush(10)
    assert asyncio.run(found()) == list(range(200))


SCRIPT = """
import os, sys
from streamer import SyncPublisher
from streamer.eventlog.redis import RedisEventLog
publisher = SyncPublisher(lambda: RedisEventLog({url!r}, prefix={prefix!r}))
publisher.publish("a", "note", {{"number": 0}})
{rest}
"""


def run(rest: str, server: Server, prefix: str) -> list[int]:
    program = SCRIPT.format(url=server.url, prefix=prefix, rest=rest)
    with Program([sys.executable, "-c", program]) as process:
        assert process.wait() == 0, str(process)

    async def found() -> list[int]:
        log = RedisEventLog(server.url, prefix=prefix)
        try:
            return [body["number"] for body in await bodies_of(log, "a")]
        finally:
            await log.close()

    return asyncio.run(found())


def test_the_interpreters_exit_delivers_what_was_published_last(
    redis_server: Server, prefix: str
) -> None:
    assert run("", redis_server, prefix) == [0]


def test_a_forked_child_publishes_over_its_own_connection_and_repeats_nothing(
    redis_server: Server, prefix: str
) -> None:
    rest = """
child = os.fork()
publisher.publish("a", "note", {"number": 1 if child else 2})
assert publisher.flush()
publisher.publish("a", "note", {"number": 3 if child else 4})
assert publisher.close()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
else:
    os._exit(0)
"""
    found = run(rest, redis_server, prefix)
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert found.index(1) < found.index(3)
    assert found.index(2) < found.index(4)
