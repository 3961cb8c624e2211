"""Pages: cut so that reading on loses nothing."""

from __future__ import annotations

import pytest

from streamer.cursor import Cursor
from streamer.event import Event
from streamer.page import Gap, Page


def event(number: int, size: int = 10) -> Event:
    return Event(Cursor(1, number), "note", ("a",), b'{"x":"%b"}' % (b"x" * (size - 8)))


GAP = Gap("a", Cursor(0, 5), Cursor(1, 0), "trimmed")
PAGE = Page((GAP, event(1), event(2), event(3, 1000), event(4)), Cursor(9, 0), complete=True)


@pytest.mark.parametrize(
    ("max_bytes", "last"),
    [(1, 1), (10, 1), (11, 2), (21, 3), (1021, 4)],
)
def test_a_page_within_some_bytes_ends_with_the_event_that_reaches_them(
    max_bytes: int, last: int
) -> None:
    """It has one event at least, and says where to read on."""
    cut = PAGE.within(max_bytes)
    assert cut.items == PAGE.items[: last + 1]
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
    assert cut.items == (GAP, event_of(PAGE, 1), event_of(PAGE, 2))
    assert (cut.cursor, cut.complete) == (Cursor(1, 2), False)


def gap(topic: str | None, until: int) -> Gap:
    return Gap(topic, Cursor(0, 5), Cursor(1, until), "trimmed")


@pytest.mark.parametrize(
    ("items", "left", "cursor"),
    [
        ((gap("a", 1), event(2)), (gap("a", 1), event(2)), None),
        ((gap("a", 1), event(2), gap("b", 3), event(4)), (gap("a", 1), event(2)), 2),
        ((gap("a", 1), gap("b", 3), event(4)), (gap("a", 1),), 1),
        ((gap("a", 1), gap("b", 1), event(2)), (gap(None, 1), event(2)), None),
        ((gap("a", 1), gap("b", 1), event(2), gap("c", 3)), (gap(None, 1), event(2)), 2),
    ],
)
def test_a_page_with_one_gap_is_cut_before_the_second(
    items: tuple[Event | Gap, ...], left: tuple[Event | Gap, ...], cursor: int | None
) -> None:
    """So that the next page tells it; gaps that end at one id are told as one."""
    page = Page(items, Cursor(9, 0), complete=True).with_one_gap()
    assert [shown(item) for item in page.items] == [shown(item) for item in left]
    if cursor is None:
        assert (page.cursor, page.complete) == (Cursor(9, 0), True)
    else:
        assert (page.cursor, page.complete) == (Cursor(1, cursor), False)


def shown(item: Event | Gap) -> object:
    return item.id if isinstance(item, Event) else item


def event_of(page: Page, number: int) -> Event:
    item = page.items[number]
    assert isinstance(item, Event)
    return item
