"""Behind a long pass the next one waits for company, and for no longer than is allowed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from streamer.events.page import Gap
from streamer.hub.attach import Attach
from streamer.hub.feed import Feed
from streamer.hub.headway import Headway
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from support.servers import FakeClock
from support.turning import TurningLoop
from support.writers import FakeWriter

TOPIC = "projects/p"
#: Seconds, at most, and what the passes of these tests take where it is not said.
MOST = HubLimits().company_seconds
LONG = 10 * MOST


class SlowWriter(FakeWriter):
    """Takes its time for whatever is written to it."""

    def __init__(self, loop: TurningLoop) -> None:
        super().__init__()
        self.seconds = 0.0
        self._loop = loop

    def write(self, buffer: bytes) -> None:
        super().write(buffer)
        self._loop.spend(self.seconds)


class Room:
    """A hub whose passes take as long as a test says, on a clock that it holds."""

    def __init__(self, limits: HubLimits) -> None:
        self.loop = TurningLoop()
        self.log = MemoryEventLog(clock=FakeClock())
        self.hub = Hub(self.log, HubOptions(limits=limits))
        self.loop.inside(self.hub.start)
        self._numbers = itertools.count()

    def come(self, *, until_end: bool = False) -> SlowWriter:
        writer = SlowWriter(self.loop)
        self.loop.run(self.hub.attach(Attach((TOPIC,), until_end=until_end), writer))
        numbers(writer)
        writer.writes.clear()
        return writer

    def publish(self, kind: str = "note", times: int = 1) -> None:
        for _ in range(times):
            fields = {"job_id": "j", "number": next(self._numbers)}
            self.loop.run(self.log.append(new_event(TOPIC, kind, fields)))
            self.loop.turn(3)

    def long_pass(self, writer: SlowWriter, seconds: float = LONG) -> None:
        """Publish what takes so long to write."""
        writer.seconds = seconds
        self.publish()
        writer.seconds = 0.0
        writer.writes.clear()
        numbers(writer)

    def feed(self) -> Feed:
        feed = self.hub._feeds.peek((TOPIC,))
        assert feed is not None
        return feed


def numbers(writer: FakeWriter) -> list[int]:
    """What it has been given since it was asked last."""
    writer.take()
    found = [frame["number"] for frame in writer.taken if "number" in frame]
    writer.taken.clear()
    return found


@pytest.fixture
def limits() -> HubLimits:
    return HubLimits()


@pytest.fixture
def room(limits: HubLimits) -> Iterator[Room]:
    room = Room(limits)
    yield room
    assert not room.loop.faults
    room.loop.run(room.hub.close())
    room.loop.finish()


def test_what_comes_while_there_is_time_is_sent_at_once(room: Room) -> None:
    reader = room.come()
    for number in range(5):
        room.publish()
        assert numbers(reader) == [number]


def test_what_comes_behind_a_short_pass_is_sent_at_once(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader, 0.001)
    room.publish()
    assert numbers(reader) == [1]


def test_what_comes_soon_behind_a_long_pass_is_one_pass(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    room.publish(times=2)
    room.loop.advance(MOST / 2)
    room.publish(times=2)
    assert numbers(reader) == []
    room.loop.advance(MOST / 2)
    assert numbers(reader) == [1, 2, 3, 4]
    assert len(reader.writes) == 1
    room.publish()
    assert numbers(reader) == [5], "that one was short"


@pytest.mark.parametrize("limits", [HubLimits(cohort_readers=1)])
def test_what_came_during_a_long_pass_waits_for_company(room: Room) -> None:
    first, second = room.come(), room.come()
    first.seconds = second.seconds = LONG
    room.loop.run(room.log.append(new_event(TOPIC, "note", {"number": 0})))
    room.publish(times=2)
    assert len(first.writes) == len(second.writes) == 1
    room.loop.advance(MOST)
    room.loop.turn()
    assert len(first.writes) == len(second.writes) == 2
    assert numbers(first) == numbers(second)


@pytest.mark.parametrize(
    ("took", "waits"), [(LONG, MOST), (MOST, MOST), (0.8 * MOST, 0.8 * MOST), (0.001, 0.0)]
)
def test_it_waits_as_long_as_the_last_pass_took_and_no_longer_than_is_allowed(
    took: float, waits: float
) -> None:
    now = 1000.0
    headway = Headway(MOST, lambda: now)
    assert headway.wait == 0.0
    headway.began()
    now += took
    headway.ended()
    assert headway.wait == pytest.approx(waits)
    now += waits / 2
    assert headway.wait == pytest.approx(waits / 2)
    now += LONG
    assert headway.wait == 0.0


def test_what_comes_a_while_behind_a_long_pass_shows_that_there_is_time(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    room.loop.advance(0.8 * MOST)
    room.publish()
    assert numbers(reader) == [1]


def test_what_comes_later_than_that_does_not_wait(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    room.loop.advance(MOST)
    room.publish()
    assert numbers(reader) == [1]


def test_a_terminal_event_that_waited_ends_who_reads_until_then(room: Room) -> None:
    reader, other = room.come(until_end=True), room.come()
    room.long_pass(reader)
    room.publish()
    room.publish("completed")
    assert reader.closed is None
    room.loop.advance(MOST)
    assert numbers(reader) == [1, 2]
    assert reader.closed is not None
    assert numbers(other) == [0, 1, 2]
    assert other.closed is None


def test_who_comes_while_something_waits_is_given_it_once(room: Room) -> None:
    early = room.come()
    room.long_pass(early)
    room.publish(times=2)
    late = room.come()
    room.publish()
    room.loop.advance(MOST)
    assert numbers(early) == [1, 2, 3]
    assert numbers(late) == [3]
    room.publish()
    room.publish()
    assert numbers(late) == numbers(early) == [4, 5]


def test_what_waits_comes_before_a_gap(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    room.publish(times=2)
    head = room.feed().tail.head
    gap = Gap(TOPIC, ORIGIN, head, "trimmed")
    room.loop.inside(partial(room.feed().lose, [gap], head))
    reader.take()
    assert reader.types() == ["note", "note", "gap"]
    assert room.feed()._live._timer is None
    room.loop.advance(MOST)
    reader.take()
    assert len(reader.taken) == 3


def test_who_is_cut_while_something_waits_comes_back_to_it(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    cursor = reader.taker.cursor  # type: ignore[union-attr]
    room.publish(times=2)
    room.loop.inside(reader.lose)
    room.loop.advance(MOST)
    again = FakeWriter()
    room.loop.run(room.hub.attach(Attach((TOPIC,), resume=cursor), again))
    assert numbers(again) == [1, 2]


@pytest.mark.parametrize("limits", [HubLimits(company_seconds=0.0)])
def test_nobody_waits_where_that_is_not_wanted(room: Room) -> None:
    reader = room.come()
    room.long_pass(reader)
    room.publish()
    assert numbers(reader) == [1]
