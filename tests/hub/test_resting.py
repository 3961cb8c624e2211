"""Feeds that nobody reads: the latest few, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.page import Page
from streamer.hub.fan_out import FanOut
from streamer.hub.feed_registry import FeedRegistry
from streamer.hub.limits import HubLimits
from streamer.hub.options import TailLimits
from streamer.hub.resting import Resting
from streamer.metrics import SILENT
from support.waiting import wait_until

A, B, C = ("a",), ("b",), ("c",)


class Timer:
    """What a loop returns for a call that is due."""

    def __init__(self, timers: list[tuple[float, Timer]], call: Callable[[], None]) -> None:
        self.call = call
        self._timers = timers

    def cancel(self) -> None:
        self._timers[:] = [timer for timer in self._timers if timer[1] is not self]


class Loop:
    """As much of an event loop as is needed here; its clock is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Timer]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self.call_at(self.now + seconds, call)

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self.timers, call)
        self.timers.append((when, timer))
        return timer

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for when, timer in self.timers if when <= self.now]
        self.timers[:] = [timer for timer in self.timers if timer[0] > self.now]
        for timer in due:
            timer.call()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr("streamer.hub.resting.asyncio.get_running_loop", lambda: made)
    return made


@pytest.fixture
def dropped() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def resting(loop: Loop, dropped: list[tuple[str, ...]]) -> Resting:
    return Resting(2, 60.0, dropped.append)


def test_each_goes_when_it_has_rested_for_its_time(
    resting: Resting, loop: Loop, dropped: list[tuple[str, ...]]
) -> None:
    resting.add(A)
    loop.advance(40.0)
    resting.add(B)
    loop.advance(20.0)
    assert dropped == [A]
    loop.advance(39.0)
    assert dropped == [A]
    loop.advance(1.0)
    assert dropped == [A, B]
    assert loop.timers == []


def test_one_that_was_read_again_rests_anew(
    resting: Resting, loop: Loop, dropped: list[tuple[str, ...]]
) -> None:
    resting.add(A)
    loop.advance(40.0)
    resting.remove(A)
    resting.add(A)
    loop.advance(40.0)
    assert dropped == []
    loop.advance(20.0)
    assert dropped == [A]


def test_one_too_many_drops_the_one_that_was_left_longest_ago(
    resting: Resting, dropped: list[tuple[str, ...]], loop: Loop
) -> None:
    for topics in (A, B, A, C):
        resting.add(topics)
    assert dropped == [B]
    assert len(loop.timers) == 1


def test_one_that_was_lifted_has_no_more_time_for_it(
    resting: Resting, loop: Loop, dropped: list[tuple[str, ...]]
) -> None:
    resting.add(A)
    loop.advance(20.0)
    resting.add(B)
    loop.advance(20.0)
    resting.lift(B)
    resting.lift(A)
    resting.add(B)
    resting.add(A)
    loop.advance(19.0)
    assert dropped == []
    loop.advance(1.0)
    assert dropped == [A]
    loop.advance(20.0)
    assert dropped == [A, B]
    assert loop.timers == []


def test_one_whose_time_is_up_while_it_is_lifted_goes_when_it_is_back(
    resting: Resting, loop: Loop, dropped: list[tuple[str, ...]]
) -> None:
    resting.add(A)
    resting.lift(A)
    loop.advance(90.0)
    assert dropped == []
    resting.add(A)
    assert dropped == [A]


def test_one_that_had_readers_while_it_was_lifted_rests_anew(
    resting: Resting, loop: Loop, dropped: list[tuple[str, ...]]
) -> None:
    resting.add(A)
    loop.advance(40.0)
    resting.lift(A)
    resting.remove(A)
    resting.add(A)
    loop.advance(40.0)
    assert dropped == []


class SlowLog(MemoryEventLog):
    """One whose reads wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.waiting = 0

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        self.waiting += 1
        await self.may_go_on.wait()
        return await super().read(topics, after, limit)


async def test_one_that_is_being_read_again_is_not_dropped_for_another() -> None:
    """Or what is held for it would be gone when it has been read."""
    log = SlowLog()
    feeds = FeedRegistry(
        log,
        TailLimits(),
        HubLimits(resting_feeds=1),
        FanOut(io_uring=False),
        lambda _, error: pytest.fail(str(error)),
        metrics=SILENT,
    )
    feeds.start()
    feed = await feeds.open(A)
    feeds.leave(feed)
    log.may_go_on.clear()
    log.waiting = 0
    feeds.resumed()
    await wait_until(lambda: log.waiting, "it is not read again")
    feeds.leave(await feeds.open(B))
    assert await feeds.open(A) is feed, "it was dropped"
    log.may_go_on.set()
    await wait_until(lambda: feeds.peek(A) is feed, "it is held for ever")
    await feeds.close()


async def test_one_that_is_dropped_has_no_events_any_more() -> None:
    """Or they would be kept until the collector of cycles comes, which is seldom."""
    log = MemoryEventLog()
    feeds = FeedRegistry(
        log,
        TailLimits(),
        HubLimits(resting_seconds=0.01),
        FanOut(io_uring=False),
        lambda _, error: pytest.fail(str(error)),
        metrics=SILENT,
    )
    feeds.start()
    feed = await feeds.open(A)
    await log.append(new_event(A, "told", {}))
    await wait_until(lambda: len(feed.tail), "the event did not come")
    head = feed.tail.head
    feeds.leave(feed)
    await wait_until(lambda: A not in feeds._feeds, "it was not dropped")
    assert not len(feed.tail)
    assert feed.tail.floor == feed.tail.head == head
    await feeds.close()


async def test_a_log_that_is_silent_again_and_again_keeps_none_at_rest_for_longer() -> None:
    """Or, with a log that is interrupted once a minute, none would ever go."""
    feeds = FeedRegistry(
        MemoryEventLog(),
        TailLimits(),
        HubLimits(resting_seconds=0.2),
        FanOut(io_uring=False),
        lambda _, error: pytest.fail(str(error)),
        metrics=SILENT,
    )
    feeds.start()
    feeds.leave(await feeds.open(A))
    began = asyncio.get_running_loop().time()

    def gone() -> bool:
        feeds.resumed()
        return A not in feeds._feeds

    await wait_until(gone, "it was kept for as long as the log was interrupted")
    assert asyncio.get_running_loop().time() - began >= 0.2
    await feeds.close()
