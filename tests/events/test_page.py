"""Pages: cut so that reading on loses nothing."""

from __future__ import annotations

import pytest

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.page import Gap, Page


def event(number: int, size: int = 10) -> Event:
    return Event(Cursor(1, number), "note", ("a",), b'{"x":"%b"}' % (b"x" * (size - 8)))


GAP = Gap("a", Cursor(0, 5), Cursor(1, 0), "trimmed")
EVENTS = (event(1), event(2), event(3, 1000), event(4))
PAGE = Page((GAP,), EVENTS, Cursor(9, 0), complete=True)


@pytest.mark.parametrize(
    ("max_bytes", "last"),
    [(1, 1), (10, 1), (11, 2), (21, 3), (1021, 4)],
)
def test_a_page_within_some_bytes_ends_with_the_event_that_reaches_them(
    max_bytes: int, last: int
) -> None:
    """It has one event at least, and says where to read on."""
    cut = PAGE.within(max_bytes)
    assert (cut.gaps, cut.events) == ((GAP,), EVENTS[:last])
    if last < 4:
        assert (cut.cursor, cut.complete) == (Cursor(1, last), False)
    else:
        assert cut is PAGE


def test_a_page_that_is_small_enough_stays_whole() -> None:
    """And complete, if it was."""
    assert PAGE.within(10_000) is PAGE
    assert PAGE.at_most(100) is PAGE


def test_a_page_of_at_most_so_many_events_keeps_the_gaps_before_them() -> None:
    """A gap is no event."""
    cut = PAGE.at_most(2)
    assert cut == Page((GAP,), EVENTS[:2], Cursor(1, 2), complete=False)


def gap(topic: str | None, until: int) -> Gap:
    return Gap(topic, Cursor(0, 5), Cursor(1, until), "trimmed")


@pytest.mark.parametrize(
    ("until", "left"),
    [
        ([0], [0]),
        ([3], [1]),  # up to the cut, which is an event that is not lost
        ([0, 4], [0, 1]),
    ],
)
def test_a_gap_is_cut_where_its_page_is(until: list[int], left: list[int]) -> None:
    """The rest of it is told by the next page."""
    events = (event(2), event(3), event(5))
    page = Page(tuple(gap("a", end) for end in until), events, Cursor(9, 0), complete=True)
    cut = page.at_most(1)
    assert [part.until.seq for part in cut.gaps] == left
    assert cut.cursor == Cursor(1, 2)


def test_a_gap_of_which_nothing_is_left_is_no_gap() -> None:
    """Between the cursor and the only event up to the cut there is no place for a loss."""
    lost = Gap("a", Cursor(1, 0), Cursor(1, 8), "trimmed")
    page = Page((lost,), (event(1), event(9)), Cursor(9, 0), complete=True)
    assert page.at_most(1).gaps == ()


@pytest.mark.parametrize(
    ("until", "first", "stands"),
    [
        ([3], None, Cursor(1, 3)),
        ([3], 4, Cursor(1, 3)),
        ([3], 2, Cursor(0, 5)),
        ([3, 6], 7, Cursor(1, 6)),
        ([3, 6], 4, Cursor(0, 5)),
    ],
)
def test_a_reader_with_the_gaps_stands_where_no_event_is_passed_over(
    until: list[int], first: int | None, stands: Cursor
) -> None:
    """Behind all of them, or where it stood before."""
    events = () if first is None else (event(first),)
    page = Page(tuple(gap("a", end) for end in until), events, Cursor(9, 0), complete=True)
    assert page.behind_gaps(Cursor(0, 5)) == stands


def test_several_gaps_become_one_of_no_topic_for_an_answer_with_one_place() -> None:
    """From the cursor to the end of the last."""
    page = Page((gap("a", 6), gap("b", 3)), (), Cursor(9, 0), complete=True)
    assert page.gap == gap(None, 6)
    assert PAGE.gap is GAP
    assert Page((), EVENTS, Cursor(9, 0), complete=True).gap is None
