"""Merging the pages of several topics: one table of what comes of what."""

from __future__ import annotations

import pytest

from streamer.eventlog.merge import Range, TopicPage, merge
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.page import Page


def at(seq: int) -> Cursor:
    return Cursor(1000, seq)


def page(
    topic: str,
    *seqs: int,
    full: bool = False,
    trimmed: int | None = None,
    reason: str = "trimmed",
) -> TopicPage:
    events = [Event(at(seq), "tick", (topic,), b"{}") for seq in seqs]
    return TopicPage(topic, events, full, None if trimmed is None else at(trimmed), reason)


def gap(topic: str | None, after: int, until: int, reason: str = "trimmed") -> tuple[object, ...]:
    return ("gap", topic, after, until, reason)


def shown(merged: Page) -> list[object]:
    """Gaps and events as sequences of one millisecond."""
    gaps = [("gap", g.topic, g.after.seq, g.until.seq, g.reason) for g in merged.gaps]
    return [*gaps, *(event.id.seq for event in merged.events if event.id)]


HEAD = 90
#: what it is, pages, after -> items, cursor, complete
TABLE: list[tuple[str, list[TopicPage], int, list[object], int, bool]] = [
    ("no topics", [], 10, [], HEAD, True),
    ("nothing there", [page("a")], 10, [], HEAD, True),
    ("one topic", [page("a", 11, 12)], 10, [11, 12], HEAD, True),
    ("one full topic", [page("a", 11, 12, full=True)], 10, [11, 12], 12, False),
    ("two in order", [page("a", 11, 14), page("b", 12, 13)], 10, [11, 12, 13, 14], HEAD, True),
    ("one event in both", [page("a", 11, 12), page("b", 12)], 10, [11, 12], HEAD, True),
    ("a full one bounds", [page("a", 11, 20), page("b", 12, full=True)], 10, [11, 12], 12, False),
    (
        "the shorter of two full ones bounds",
        [page("a", 11, 20, full=True), page("b", 12, 15, full=True)],
        10,
        [11, 12, 15],
        15,
        False,
    ),
    ("trimmed before", [page("a", 11, trimmed=10)], 10, [11], HEAD, True),
    ("trimmed after", [page("a", 13, trimmed=12)], 10, [gap("a", 10, 12), 13], HEAD, True),
    (
        "expired, and nothing since",
        [page("a", trimmed=12, reason="expired")],
        10,
        [gap("a", 10, 12, "expired")],
        HEAD,
        True,
    ),
    (
        "a gap before another's events",
        [page("a", 15, trimmed=13), page("b", 12, 14)],
        10,
        [gap("a", 10, 13), 12, 14, 15],
        HEAD,
        True,
    ),
    (
        "two gaps at one id",
        [page("a", trimmed=12), page("b", trimmed=12)],
        10,
        [gap("a", 10, 12), gap("b", 10, 12)],
        HEAD,
        True,
    ),
    (
        "the only loss is read elsewhere",
        [page("a", trimmed=12), page("b", 11, 12)],
        10,
        [11, 12],
        HEAD,
        True,
    ),
    (
        "the last loss is read elsewhere, one before may not be",
        [page("a", trimmed=12), page("b", 12)],
        10,
        [gap("a", 10, 11), 12],
        HEAD,
        True,
    ),
    (
        "a gap beyond the page",
        [page("a", trimmed=30), page("b", 15, full=True)],
        10,
        [gap("a", 10, 14), 15],
        15,
        False,
    ),
    (
        "a gap that lies beyond the page altogether",
        [page("a", trimmed=30), page("b", 11, full=True)],
        10,
        [11],
        11,
        False,
    ),
    (
        "older than the log",
        [page("a", 11, trimmed=9)],
        3,
        [gap(None, 3, 5, "reset"), gap("a", 3, 9), 11],
        HEAD,
        True,
    ),
    ("as old as the log", [page("a", 11)], 5, [11], HEAD, True),
    ("at the head", [page("a", trimmed=20)], HEAD, [], HEAD, True),
    ("ahead of the head", [page("a")], 95, [gap(None, 95, HEAD, "reset")], HEAD, True),
]


@pytest.mark.parametrize(
    ("pages", "after", "items", "cursor", "complete"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_pages_are_merged_in_the_order_of_ids(
    pages: list[TopicPage], after: int, items: list[object], cursor: int, complete: bool
) -> None:
    """One row of the table: what is read, how far it reaches, whether that is all."""
    merged = merge(pages, at(after), head=at(HEAD), birth=at(5))
    assert shown(merged) == items
    assert merged.cursor == at(cursor)
    assert merged.complete == complete


#: what it is, pages, after, what was lost -> items, cursor, complete
LOST: list[tuple[str, list[TopicPage], int, list[tuple[int, int]], list[object], int, bool]] = [
    ("from behind it", [page("a", 41)], 40, [(20, 40)], [41], HEAD, True),
    (
        "from its last id",
        [page("a", 41)],
        39,
        [(20, 40)],
        [gap(None, 39, 40, "reset"), 41],
        HEAD,
        True,
    ),
    ("from within", [page("a", 41)], 25, [(20, 40)], [gap(None, 25, 40, "reset"), 41], HEAD, True),
    (
        "from its edge",
        [page("a", 41)],
        20,
        [(20, 40)],
        [gap(None, 20, 40, "reset"), 41],
        HEAD,
        True,
    ),
    (
        "from before, nothing kept",
        [page("a")],
        10,
        [(20, 40)],
        [gap(None, 10, 40, "reset")],
        HEAD,
        True,
    ),
    ("from before, something kept", [page("a", 12, 41)], 10, [(20, 40)], [12], 20, False),
    ("a full page ends before it", [page("a", 12, full=True)], 10, [(20, 40)], [12], 12, False),
    (
        "what was trimmed before it",
        [page("a", 15, 41, trimmed=12)],
        10,
        [(20, 40)],
        [gap("a", 10, 12), 15],
        20,
        False,
    ),
    (
        "what was trimmed beyond it",
        [page("a", 50, trimmed=45)],
        10,
        [(20, 40)],
        [gap(None, 10, 40, "reset"), gap("a", 10, 45), 50],
        HEAD,
        True,
    ),
    (
        "two, the first",
        [page("a", 41, 61)],
        25,
        [(20, 40), (50, 60)],
        [gap(None, 25, 40, "reset"), 41],
        50,
        False,
    ),
    (
        "two, the second",
        [page("a", 61)],
        50,
        [(20, 40), (50, 60)],
        [gap(None, 50, 60, "reset"), 61],
        HEAD,
        True,
    ),
    (
        "older than the log too",
        [page("a", 6)],
        3,
        [(20, 40)],
        [gap(None, 3, 5, "reset"), 6],
        20,
        False,
    ),
    ("at the head", [page("a")], HEAD, [(20, HEAD)], [], HEAD, True),
    (
        "ahead of the head",
        [page("a")],
        95,
        [(20, HEAD)],
        [gap(None, 95, HEAD, "reset")],
        HEAD,
        True,
    ),
]


@pytest.mark.parametrize(
    ("pages", "after", "lost", "expected"),
    [(*row[1:4], row[4:]) for row in LOST],
    ids=[row[0] for row in LOST],
)
def test_what_the_log_has_lost_is_a_gap_of_its_own(
    pages: list[TopicPage],
    after: int,
    lost: list[tuple[int, int]],
    expected: tuple[list[object], int, bool],
) -> None:
    """Named exactly: what is kept before it is a page of its own."""
    ranges = [Range(at(start), at(end)) for start, end in lost]
    merged = merge(pages, at(after), head=at(HEAD), birth=at(5), lost=ranges)
    assert (shown(merged), merged.cursor.seq, merged.complete) == expected


def test_from_the_first_that_is_kept_what_was_lost_later_is_a_gap() -> None:
    """And what was lost before it is not."""
    lost = [Range(at(10), at(20)), Range(at(30), at(40))]
    merged = merge([page("a", 25, 45)], ORIGIN, head=at(HEAD), birth=at(5), lost=lost)
    assert (shown(merged), merged.cursor, merged.complete) == ([25], at(30), False)
    merged = merge([page("a", 45)], ORIGIN, head=at(HEAD), birth=at(5), lost=lost)
    assert (shown(merged), merged.complete) == ([45], True)


def test_from_the_first_that_is_kept_nothing_is_a_gap() -> None:
    """Not a trim, not a reset."""
    merged = merge([page("a", 13, trimmed=12)], ORIGIN, head=at(HEAD), birth=at(5))
    assert shown(merged) == [13]


def test_a_gap_before_the_first_event_of_a_millisecond_ends_before_it() -> None:
    """Positions have an order across milliseconds too."""
    kept = Event(Cursor(1001, 0), "tick", ("b",), b"{}")
    merged = merge(
        [TopicPage("a", (), full=False, trimmed=Cursor(1001, 0)), TopicPage("b", (kept,))],
        at(3),
        head=Cursor(1001, 0),
        birth=at(0),
    )
    assert at(HEAD) < merged.gaps[0].until < Cursor(1001, 0)
    assert merged.events == (kept,)
