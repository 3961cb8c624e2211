"""The tail, against a list that forgets nothing."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.hub.tail import Tail

PLENTY = 1 << 30


def event(ms: int, size: int = 2) -> Event:
    return Event(Cursor(ms, 0), "note", ("a",), b"{" + b" " * (size - 2) + b"}")


def at(ms: int) -> Cursor:
    return Cursor(ms, 0)


def ids(events: list[Event]) -> list[int]:
    return [event.id.ms for event in events if event.id is not None]


def tail_of(*numbers: int, floor: int = 0, most: int = PLENTY) -> Tail:
    tail = Tail(at(floor), max_events=most, max_bytes=PLENTY)
    for number in numbers:
        assert tail.append(event(number))
    return tail


def test_a_new_tail_is_complete_at_its_position() -> None:
    """Nothing is in it, and a reader that stands there needs nothing."""
    tail = tail_of(floor=7)
    assert (tail.floor, tail.head, len(tail)) == (at(7), at(7), 0)
    assert tail.after(at(7), PLENTY) == []


def test_an_event_that_is_no_news_is_refused() -> None:
    """A repeat, an older event and an ephemeral one change nothing."""
    tail = tail_of(3, 5)
    assert not tail.append(event(5))
    assert not tail.append(event(4))
    assert not tail.append(Event(None, "typing", ("a",), b"{}"))
    assert ids(tail.after(at(0), PLENTY)) == [3, 5]
    assert tail.head == at(5)


def test_an_event_is_found_by_any_cursor_before_it() -> None:
    """Whether or not the cursor is the id of an event that is here."""
    tail = tail_of(3, 5, 8)
    assert ids(tail.after(at(2), PLENTY)) == [3, 5, 8]
    assert ids(tail.after(at(3), PLENTY)) == [5, 8]
    assert ids(tail.after(Cursor(3, 9), PLENTY)) == [5, 8]
    assert ids(tail.after(at(8), PLENTY)) == []


def test_too_many_events_move_the_floor_to_the_last_one_forgotten() -> None:
    """What is complete after the floor is still so."""
    tail = tail_of(1, 2, 3, 4, 5, most=2)
    assert (tail.floor, tail.head) == (at(3), at(5))
    assert ids(tail.after(at(3), PLENTY)) == [4, 5]


def test_too_many_bytes_move_the_floor() -> None:
    """Big events push out more of the old ones."""
    tail = Tail(at(0), max_events=1000, max_bytes=4 * event(1).size)
    for number in range(1, 5):
        tail.append(event(number))
    assert tail.floor == at(0)
    tail.append(event(5, size=200))
    assert ids(tail.after(tail.floor, PLENTY)) == [4, 5]


def test_the_newest_event_is_kept_whatever_its_size() -> None:
    """A tail of no events at all still has the last one."""
    tail = Tail(at(0), max_events=0, max_bytes=0)
    tail.append(event(1, size=5000))
    assert (tail.floor, ids(tail.after(at(0), PLENTY))) == (at(0), [1])
    tail.append(event(2, size=5000))
    assert (tail.floor, ids(tail.after(at(1), PLENTY))) == (at(1), [2])


def test_a_slice_has_about_as_many_bytes_as_asked_for() -> None:
    """It ends with the event that reaches the limit, and has at least one."""
    tail = Tail(at(0), max_events=100, max_bytes=PLENTY)
    for number in range(1, 7):
        tail.append(event(number, size=10))
    assert ids(tail.after(at(0), 25)) == [1, 2, 3]
    assert ids(tail.after(at(3), 1)) == [4]


def test_older_events_are_taken_back() -> None:
    """Those that are here already are not taken twice."""
    tail = tail_of(5, 6, floor=4)
    tail.extend_back([event(2), event(3), event(4), event(5), event(6)], at(1), at(6))
    assert tail.floor == at(1)
    assert ids(tail.after(at(1), PLENTY)) == [2, 3, 4, 5, 6]


def test_older_events_that_do_not_fit_are_left() -> None:
    """Rather than some of them, which would leave a hole."""
    tail = tail_of(5, 6, floor=4, most=4)
    tail.extend_back([event(2), event(3), event(4)], at(1), at(4))
    assert (tail.floor, ids(tail.after(at(4), PLENTY))) == (at(4), [5, 6])


def test_events_before_a_gap_are_not_taken_back() -> None:
    """The floor is behind the gap; taking back again from further off takes none twice."""
    tail = tail_of(9, floor=8)
    tail.extend_back([event(3), event(7), event(8)], at(5), at(8))
    tail.extend_back([event(3), event(4), event(5)], at(2), at(5))
    assert ids(tail.after(at(2), PLENTY)) == [3, 4, 5, 7, 8, 9]


def test_a_floor_that_is_no_lower_changes_nothing() -> None:
    """A page that was read for a reader further on teaches nothing."""
    tail = tail_of(5, floor=3)
    tail.extend_back([event(4)], at(3), at(4))
    assert tail.floor == at(3)
    assert ids(tail.after(at(3), PLENTY)) == [5]


@pytest.mark.parametrize("log_has", [(3, 7), (7,), (3, 6, 7)])
def test_nothing_is_taken_back_before_what_the_log_has_no_longer(log_has: tuple[int, ...]) -> None:
    """5 and 6 were parts of 7; those before them, of which the log has none, would be missing."""
    tail = tail_of(5, 6, 7, floor=4)
    tail.extend_back([event(number) for number in log_has], at(1), at(7))
    assert tail.floor == at(4)
    assert ids(tail.after(at(4), PLENTY)) == [5, 6, 7]


def test_what_was_notified_since_a_page_was_read_is_no_reason_to_leave_it() -> None:
    tail = tail_of(5, 6, 7, floor=4)
    tail.extend_back([event(3), event(5)], at(1), at(5))
    assert ids(tail.after(at(1), PLENTY)) == [3, 5, 6, 7]


class TailMachine(RuleBasedStateMachine):
    """Whatever happens, the tail has exactly what came after its floor."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Event] = []
        self.tail = Tail(at(0), max_events=6, max_bytes=6 * 1000)
        self.last = 0

    @rule(step=st.integers(1, 3), size=st.integers(2, 900), times=st.integers(1, 5))
    def append(self, step: int, size: int, times: int) -> None:
        for _ in range(times):
            self.last += step
            self.published.append(event(self.last, size))
            assert self.tail.append(self.published[-1])

    @precondition(lambda self: self.published)
    @rule(number=st.integers(0, 100))
    def repeat(self, number: int) -> None:
        assert not self.tail.append(self.published[number % len(self.published)])

    @rule(cursor=st.integers(0, 100))
    def extend_back(self, cursor: int) -> None:
        after = at(cursor % (self.last + 1))
        missed = [e for e in self.published if e.id and e.id > after]
        self.tail.extend_back(missed, after, at(self.last))

    @rule(number=st.integers(600, 700))
    def evict_many(self, number: int) -> None:
        self.append(1, 2, number)

    @rule(cursor=st.integers(0, 1000), size=st.integers(1, 3000))
    def read(self, cursor: int, size: int) -> None:
        after = max(at(cursor % (self.last + 1)), self.tail.floor)
        owed = [e for e in self.published if e.id and e.id > after]
        got = self.tail.after(after, size)
        assert got == owed[: len(got)]
        assert bool(got) == bool(owed)
        read = sum(len(e.fields) for e in got)
        assert read - (len(got[-1].fields) if got else 0) < size
        assert len(got) == len(owed) or read >= size

    @invariant()
    def complete(self) -> None:
        owed = [e for e in self.published if e.id and e.id > self.tail.floor]
        assert self.tail.after(self.tail.floor, PLENTY) == owed
        assert len(self.tail) == len(owed)
        assert self.tail.head == (self.published[-1].id if self.published else at(0))
        assert len(self.tail) <= 6


TestTailMachine = TailMachine.TestCase
TestTailMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@given(st.lists(st.integers(1, 50), unique=True).map(sorted), st.integers(0, 51))
def test_after_is_what_a_filter_finds(numbers: list[int], cursor: int) -> None:
    """For any events and any cursor."""
    tail = tail_of(*numbers)
    assert ids(tail.after(at(cursor), PLENTY)) == [n for n in numbers if n > cursor]
