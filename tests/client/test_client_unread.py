"""How much is unread, counted on from what the log has counted."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from streamer.client import Event
from streamer.client.event import event_of
from streamer.client.received import Received
from streamer.client.unread import Counted, Rule, Unread
from support.following import body

MESSAGES = Rule(only=("message",))


def event(event_type: str, event_id: str | None = None, **fields: Any) -> Event:  # noqa: ANN401
    said = body(event_type, event_id, topic="chats/42", **fields)
    return event_of(Received(event_type, json.dumps(said).encode()))


def known(unread: int | None, to: str, cursor: str | None = None) -> Unread:
    found = Unread()
    found.counted(Counted("ada", cursor, unread, to, MESSAGES))
    return found


def test_nothing_is_known_before_the_log_has_counted() -> None:
    unread = Unread()
    unread.take(event("message", "5-0"))
    unread.marked("5-0")
    assert (unread.number, unread.cursor, unread.reader, unread.is_stale) == (
        None,
        None,
        None,
        True,
    )


def test_what_counts_and_comes_behind_is_counted_once() -> None:
    unread = known(1, "5-0")
    for one in (event("message", "5-0"), event("message", "5-1"), event("typing", "6-0")):
        unread.take(one)
    unread.take(event("message", "5-1"))
    unread.take(event("message"))
    assert (unread.number, unread.counted_to) == (2, "6-0")


@pytest.mark.parametrize(
    ("rule", "number"),
    [(Rule(all_but=("read",)), 2), (Rule(all_but=("message", "read")), 1), (Rule(), 0)],
)
def test_the_rule_says_what_counts(rule: Rule, number: int) -> None:
    unread = Unread()
    unread.counted(Counted("ada", None, 0, "5-0", rule))
    for one in (event("message", "6-0"), event("note", "7-0"), event("read", "8-0", reader="bob")):
        unread.take(one)
    assert unread.number == number


def test_where_nothing_counts_there_is_no_number() -> None:
    unread = Unread()
    unread.counted(Counted("ada", None, None, "5-0", None))
    unread.take(event("message", "6-0"))
    unread.marked("6-0")
    assert (unread.number, unread.is_stale) == (None, False)


@pytest.mark.parametrize(
    ("cursor", "number", "is_stale"),
    [("9-0", 0, False), ("7-0", 0, False), ("6-0", None, True), ("2-0", 3, False)],
)
def test_what_another_device_has_read_is_read(
    cursor: str, number: int | None, *, is_stale: bool
) -> None:
    """Ahead of all that was counted, at its end, amid it: then the log must count; behind."""
    unread = known(3, "7-0", "3-0")
    unread.take(event("read", reader="ada", cursor=cursor))
    assert (unread.number, unread.is_stale) == (number, is_stale)
    unread = known(3, "7-0", "3-0")
    unread.take(event("read", reader="bob", cursor=cursor))
    assert (unread.number, unread.is_stale) == (3, False)


def test_what_was_read_elsewhere_before_it_came_is_not_counted_when_it_comes() -> None:
    unread = known(3, "7-0")
    unread.take(event("read", reader="ada", cursor="9-0"))
    unread.take(event("message", "9-0"))
    unread.take(event("message", "10-0"))
    assert (unread.number, unread.cursor) == (1, "9-0")


@pytest.mark.parametrize(
    "one",
    [
        event("connected", "7-0"),
        event("gap", "7-0", after="1-0", until="7-0", reason="reset"),
    ],
    ids=["connected", "gap"],
)
def test_a_connection_and_a_gap_have_the_log_count(one: Event) -> None:
    unread = known(3, "7-0")
    unread.take(one)
    assert (unread.number, unread.is_stale) == (None, True)


def test_a_cursor_that_is_none_changes_nothing() -> None:
    unread = known(3, "7-0", "3-0")
    unread.take(event("read", reader="ada", cursor=7))
    assert (unread.number, unread.cursor) == (3, "3-0")


def test_whatever_comes_the_number_is_that_of_the_log() -> None:
    """Appends, marks here and elsewhere, and connections that were lost."""
    for seed in range(200):
        chance = random.Random(seed)
        events: list[tuple[int, str]] = []
        cursor = 0
        unread = Unread()

        def count(at: int, events: list[tuple[int, str]] = events) -> int:
            return sum(kind == "message" for number, kind in events if number > at)

        for number in range(1, 40):
            match chance.randrange(5):
                case 0 | 1:
                    kind = chance.choice(["message", "typing"])
                    events.append((number, kind))
                    unread.take(event(kind, f"{number}-0"))
                case 2:
                    cursor = max(cursor, chance.randrange(number))
                    unread.take(event("read", reader="ada", cursor=f"{cursor}-0"))
                case 3:
                    to = chance.randrange(number)
                    cursor = max(cursor, to)
                    unread.marked(f"{to}-0")
                case 4:
                    events.append((number, "message"))  # while it is not connected
                    unread.take(event("connected", f"{number}-0"))
            if unread.is_stale:
                head = max((at for at, _ in events), default=0)
                unread.counted(Counted("ada", f"{cursor}-0", count(cursor), f"{head}-0", MESSAGES))
            assert unread.number == count(cursor), seed
