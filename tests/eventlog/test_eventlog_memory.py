"""What a clock in a test's hand shows of the log in memory."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import BatchKey
from streamer.eventlog.lifetimes import BATCH_TTL, IDEMPOTENCY_TTL, SILENT_TTL, TOMBSTONE_TTL
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.events.page import Gap
from support.listening import RecordingListener
from support.reading import items_of
from support.servers import FakeClock

AGE = 60.0


def tick(topic: str = "chats/1", key: str | None = None) -> NewEvent:
    return new_event(topic, "tick", {}, idempotency_key=key)


def open_log(clock: FakeClock) -> MemoryEventLog:
    return MemoryEventLog(clock=clock, retention=RetentionPolicy(Retention(max_age=AGE)))


async def append(log: MemoryEventLog, event: NewEvent) -> Cursor:
    return cast("Cursor", await log.append(event))


async def test_ids_are_the_clocks_milliseconds() -> None:
    """And count within one."""
    clock = FakeClock()
    log = open_log(clock)
    first, second = await append(log, tick()), await append(log, tick())
    clock.advance(5)
    third = await append(log, tick())
    assert [first, second, third] == [
        Cursor(clock.now - 5, 1),
        Cursor(clock.now - 5, 2),
        Cursor(clock.now, 0),
    ]


async def test_ids_increase_though_the_clock_is_set_back() -> None:
    """They count on in the last millisecond there was."""
    clock = FakeClock()
    log = open_log(clock)
    clock.advance(1000)
    first = await append(log, tick())
    clock.advance(-900)
    assert await append(log, tick()) == Cursor(first.ms, first.seq + 1)


async def test_a_topic_expires_at_its_age_and_its_tombstone_a_month_later() -> None:
    """In between a reader is told; after it, nobody knows the topic any more."""
    clock = FakeClock()
    log = open_log(clock)
    first, last = await append(log, tick()), await append(log, tick())
    clock.advance(int(AGE * 1000) - 1)
    assert len((await log.read(["chats/1"], ORIGIN, 10)).events) == 2
    clock.advance(1)
    assert items_of(await log.read(["chats/1"], first, 10)) == [
        Gap("chats/1", first, last, "expired"),
    ]
    clock.advance(TOMBSTONE_TTL)
    assert items_of(await log.read(["chats/1"], first, 10)) == []


async def test_a_job_that_is_silent_for_a_week_is_forgotten() -> None:
    """Each of its events defers that; then its topic is one that nobody knows."""
    clock = FakeClock()
    log = open_log(clock)
    for status in ("queued", "started"):
        await append(log, new_event("jobs/j", "status", {"status": status}))
        clock.advance(int(AGE * 1000) + SILENT_TTL - 1)
        assert (await log.snapshots(["jobs/j"]))["jobs/j"].status is not None
    clock.advance(1)
    assert (await log.snapshots(["jobs/j"]))["jobs/j"].status is None
    clock.advance(TOMBSTONE_TTL)
    await append(log, tick("other"))
    assert list(await log.topics("", 10)) == ["other"]


async def test_what_is_old_is_forgotten() -> None:
    """Topics, keys, batches and reports: nothing grows for ever."""
    clock = FakeClock()
    log = open_log(clock)
    await log.append_all([tick(key="k")], BatchKey("w", 1))
    clock.advance(TOMBSTONE_TTL + int(AGE * 1000) + 1)
    await append(log, tick("other"))
    assert list(await log.topics("", 10)) == ["other"]
    assert (list(log._topics), log._by_key, log._by_batch) == (["other"], {}, {})


async def test_a_key_is_honoured_for_a_day_and_a_batch_for_an_hour() -> None:
    """Then the same is a new one."""
    clock = FakeClock()
    log = open_log(clock)
    keyed = await append(log, tick(key="k"))
    (batched,) = await log.append_all([tick()], BatchKey("w", 1))
    clock.advance(BATCH_TTL - 1)
    assert await log.append_all([tick()], BatchKey("w", 1)) == [batched]
    clock.advance(1)
    assert await log.append_all([tick()], BatchKey("w", 1)) != [batched]
    clock.advance(IDEMPOTENCY_TTL - BATCH_TTL - 1)
    assert await append(log, tick(key="k")) == keyed
    clock.advance(1)
    assert await append(log, tick(key="k")) != keyed


async def test_a_report_of_connections_is_believed_for_15_seconds() -> None:
    """A process that died takes its readers with it."""
    clock = FakeClock()
    log = open_log(clock)
    await log.report_connections("a", {"projects/p": 2})
    clock.advance(14_999)
    assert await log.connections(but="b") == {"projects/p": 2}
    clock.advance(1)
    assert await log.connections(but="b") == {}


async def test_a_worker_thread_may_append() -> None:
    """The listener is called on its own event loop."""
    log = MemoryEventLog()

    class Listener(RecordingListener):
        def notified(self, events) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            super().notified(events)
            threads.append(threading.current_thread())

    threads: list[threading.Thread] = []
    listener = Listener()
    await log.listen(listener).subscribe(["chats/1"])
    id_ = await asyncio.to_thread(lambda: asyncio.run(append(log, tick())))
    await listener.heard(id_)
    assert threads == [threading.current_thread()]
