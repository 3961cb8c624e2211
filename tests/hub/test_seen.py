"""What a reader has been given of each topic: tables of what it has, wants and has lost."""

from __future__ import annotations

import pytest

from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.page import Gap
from streamer.hub.seen import Seen

#: Losses that are remembered.
MOST = 3


def at(ms: int) -> Cursor:
    return Cursor(ms, 0)


def event(ms: int, *topics: str) -> Event:
    return Event(at(ms), "note", topics, b"{}")


def gap(topic: str | None, after: int, until: int) -> Gap:
    return Gap(topic, at(after), at(until), "trimmed")


@pytest.fixture
def seen() -> Seen:
    """Of a from 5, and of b from 9."""
    seen = Seen(["a"], at(5), MOST)
    seen.change(["a", "b"], at(5))
    seen.begin("b", at(9))
    return seen


@pytest.mark.parametrize(
    ("ms", "topics", "wanted"),
    [
        (5, ["a"], False),
        (6, ["a"], True),
        (6, ["b"], False),
        (6, ["b", "a"], True),
        (10, ["b"], True),
        (10, ["c"], False),
    ],
)
def test_an_event_is_wanted_if_one_of_its_topics_begins_before_it(
    seen: Seen, ms: int, topics: list[str], wanted: bool
) -> None:
    assert seen.wants(event(ms, *topics)) is wanted
    assert seen.has(event(ms, *topics)) is wanted


def test_what_was_lost_by_one_topic_has_not_been_given(seen: Seen) -> None:
    """Unless another of its topics gave it."""
    seen.lose([gap("a", 6, 8)])
    assert [seen.has(event(ms, "a", "c")) for ms in (6, 7, 8, 9)] == [True, False, False, True]
    seen.lose([gap(None, 10, 12)])
    assert [seen.has(event(ms, "a", "b")) for ms in (10, 11, 12, 13)] == [True, False, False, True]


def test_only_so_many_losses_are_remembered(seen: Seen) -> None:
    """The newest: what is older the log has seldom kept."""
    for ms in range(10, 10 + MOST + 1):
        seen.lose([gap("a", ms, ms + 1)])
    assert [seen.has(event(ms, "a")) for ms in (11, 12, 14, 15)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("lost", "reported"),
    [
        (gap("a", 5, 7), [gap("a", 5, 7)]),
        (gap("b", 5, 7), []),
        (gap("b", 5, 12), [gap("b", 9, 12)]),
        (gap(None, 5, 7), [gap("a", 5, 7)]),
        (gap(None, 5, 12), [gap(None, 5, 12)]),
        (gap(None, 12, 4), [gap(None, 12, 4)]),
    ],
)
def test_a_gap_is_reported_for_what_its_topics_had_not(
    seen: Seen, lost: Gap, reported: list[Gap]
) -> None:
    assert list(seen.unreported([lost])) == reported


def test_to_a_topic_that_takes_what_there_is_nothing_is_a_gap() -> None:
    seen = Seen(["a", "b"], ORIGIN, MOST)
    seen.begin("b", at(3))
    assert list(seen.unreported([gap(None, 0, 7), gap("a", 0, 8)])) == [gap("b", 3, 7)]


def test_a_log_that_went_back_takes_every_topic_back(seen: Seen) -> None:
    """What it will say is after its own position, not after theirs."""
    seen.lose([gap(None, 12, 4)])
    assert seen.ahead == at(4)
    assert seen.wants(event(5, "b"))
