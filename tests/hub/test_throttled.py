"""Readers with a rate: when they are written to, and what waits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.new_event import new_event
from streamer.hub.attach import Attach
from streamer.hub.feed import Feed
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from streamer.hub.reader import Reader
from streamer.hub.throttled import MAX_RATE, MIN_RATE, RATES, Throttled, interval_of
from support.servers import FakeClock
from support.turning import TurningLoop
from support.writers import FakeWriter

TOPIC = "projects/p"


class Room:
    """A hub over a log in memory, on a clock that a test holds."""

    def __init__(self) -> None:
        self.loop = TurningLoop()
        self.log = MemoryEventLog(clock=FakeClock())
        self.hub = Hub(self.log, HubOptions(limits=HubLimits(waiting_events=20)))
        self.loop.inside(self.hub.start)
        self._numbers = itertools.count()

    def come(self, rate: float = 0.0, *, until_end: bool = False) -> FakeWriter:
        writer = FakeWriter()
        attach = Attach((TOPIC,), rate=rate, until_end=until_end)
        self.loop.run(self.hub.attach(attach, writer))
        writer.take()
        writer.taken.clear()
        writer.writes.clear()
        return writer

    def publish(self, kind: str = "progress", times: int = 1, job: str = "j") -> None:
        for _ in range(times):
            number = next(self._numbers)
            fields = {"job_id": job, "progress": number % 8 / 8, "number": number}
            self.loop.run(self.log.append(new_event(TOPIC, kind, fields)))
            self.loop.turn(3)

    def whisper(self, times: int = 1) -> None:
        """Publish what is kept nowhere."""
        for _ in range(times):
            fields = {"number": next(self._numbers)}
            self.loop.run(self.log.append(new_event(TOPIC, "whisper", fields, ephemeral=True)))
            self.loop.turn(3)

    def feed(self) -> Feed:
        feed = self.hub._feeds.peek((TOPIC,))
        assert feed is not None
        return feed

    def throttled(self) -> Throttled:
        (only,) = self.feed()._throttled.values()
        return only


def numbers(writer: FakeWriter) -> list[int]:
    """What it has been given since it was asked last."""
    writer.take()
    found = [frame["number"] for frame in writer.taken if "number" in frame]
    writer.taken.clear()
    return found


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    assert not room.loop.faults
    room.loop.run(room.hub.close())
    room.loop.finish()


def test_the_first_after_a_rest_comes_at_once_and_the_next_in_their_time(room: Room) -> None:
    full, few = room.come(), room.come(10.0)
    room.publish()
    assert numbers(few) == [0]
    room.publish(times=7)
    assert numbers(few) == []
    room.loop.advance(0.09)
    assert numbers(few) == []
    room.loop.advance(0.01)
    assert numbers(few) == [7]
    assert numbers(full) == list(range(8))
    room.loop.advance(1.0)
    room.publish()
    assert numbers(few) == [8]


def test_no_more_batches_are_written_than_were_asked_for(room: Room) -> None:
    few = room.come(10.0)
    for _ in range(100):
        room.publish("note")
        room.loop.advance(0.02)
    assert len(few.writes) <= 10 * 2 + 1
    room.loop.advance(0.1)
    assert numbers(few) == list(range(100))


def test_readers_with_about_the_same_rate_are_written_the_same_buffer(room: Room) -> None:
    writers = [room.come(rate) for rate in (10.0, 12.0, 19.9)]
    room.publish()
    room.loop.advance(0.1)
    room.publish(times=2)
    room.loop.advance(0.1)
    assert len({id(writer.writes[-1]) for writer in writers}) == 1
    assert len(room.throttled()._cohorts) == 1
    assert room.feed().live == 3


def test_who_comes_while_something_waits_is_given_it_once(room: Room) -> None:
    early = room.come(10.0)
    room.publish("note", times=3)
    late = room.come(10.0)
    room.publish("note", times=2)
    assert numbers(late) == []
    room.loop.advance(0.1)
    assert numbers(late) == [3, 4]
    assert numbers(early) == [0, 1, 2, 3, 4]
    room.loop.advance(0.1)
    room.publish("note")
    assert len(room.throttled()._cohorts) == 1, "it is in step with the other now"
    assert numbers(late) == numbers(early) == [5]


@pytest.mark.parametrize("until_end", [False, True])
def test_a_terminal_event_does_not_wait_nor_does_what_waits(room: Room, until_end: bool) -> None:
    few = room.come(0.1, until_end=until_end)
    room.publish(times=3)
    assert numbers(few) == [0]
    room.publish("completed")
    assert numbers(few)[-2:] == [2, 3]
    assert (few.closed is not None) == until_end


def test_what_waits_comes_before_the_server_ends_the_stream(room: Room) -> None:
    few = room.come(0.1)
    room.publish(times=3)
    room.loop.run(room.hub.drain(0.0))
    few.take()
    assert few.types()[-2:] == ["progress", "reconnect"]
    assert few.taken[-2]["number"] == 2


def test_what_waits_is_merged_before_it_is_too_much_and_else_goes_out(room: Room) -> None:
    few = room.come(0.1)
    room.publish()
    room.publish(times=200)
    assert numbers(few) == [0]
    assert len(room.throttled()._outbox) <= 21
    room.publish("note", times=30)
    assert len(numbers(few)) >= 20
    room.loop.advance(10.0)
    assert numbers(few)[-1] == 230


def test_nothing_runs_while_nothing_waits_and_nothing_is_kept_for_nobody(room: Room) -> None:
    few = room.come(10.0)
    room.publish(times=2)
    assert room.throttled()._timer is not None
    room.loop.advance(0.1)
    assert room.throttled()._timer is None
    room.loop.inside(few.lose)
    room.publish()
    assert not room.feed()._throttled


def test_a_cut_reader_comes_back_with_its_cursor_to_what_waited(room: Room) -> None:
    few = room.come(0.1)
    room.publish("note", times=4)
    few.take()
    cursor = few.ids()[-1]
    reader = few.taker
    assert isinstance(reader, Reader)
    assert str(reader.cursor) == cursor
    room.loop.inside(few.lose)
    again = FakeWriter()
    attach = Attach((TOPIC,), rate=0.1, resume=reader.cursor)
    room.loop.run(room.hub.attach(attach, again))
    assert numbers(again) == [1, 2, 3]


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [(0.0, 0.0), (MIN_RATE, 10.0), (0.19, 10.0), (10.0, 0.1), (19.9, 0.1), (MAX_RATE, 0.02)],
)
def test_a_rate_is_rounded_down(rate: float, seconds: float) -> None:
    assert interval_of(rate) == seconds


def test_the_rates_that_there_are_have_the_bounds_that_are_allowed() -> None:
    assert (RATES[0], RATES[-1]) == (MIN_RATE, MAX_RATE)


def test_who_comes_while_something_waits_is_given_what_comes_from_then_on(room: Room) -> None:
    """What is kept nowhere was said to those who were there."""
    here = room.come(10.0)
    room.publish("note")
    assert len(numbers(here)) == 1
    room.whisper(times=2)
    late, later = room.come(10.0), room.come(10.0)
    room.whisper()
    latest = room.come(10.0)
    room.publish("note")
    room.loop.advance(0.2)
    assert numbers(here) == [1, 2, 3, 4]
    assert numbers(late) == numbers(later) == [3, 4]
    assert numbers(latest) == [4]
    room.loop.advance(0.2)
    room.whisper()
    assert [numbers(reader) for reader in (here, late, later, latest)] == [[5]] * 4


def test_who_comes_while_too_much_waits_is_given_none_of_it(room: Room) -> None:
    here = room.come(10.0)
    room.publish("note")
    assert len(numbers(here)) == 1
    room.whisper(times=3)
    late = room.come(10.0)
    room.whisper(times=18)
    assert numbers(here)[:3] == [1, 2, 3]
    assert numbers(late)[0] == 4
