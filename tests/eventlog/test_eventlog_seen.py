"""What a process knows of the ids that were given."""

from __future__ import annotations

from streamer.eventlog.redis.seen import Seen
from streamer.events.cursor import Cursor


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_has_seen_nothing_knows_nothing() -> None:
    assert Seen().arguments() == ("0-0", 0)


def test_the_highest_counts_whatever_comes_later() -> None:
    seen = Seen()
    for id_ in (Cursor(5, 3), Cursor(5, 1), Cursor(4, 9)):
        seen.note(id_)
    assert seen.arguments()[0] == "5-3"


def test_others_may_have_been_given_ids_for_as_long_as_time_has_passed_since() -> None:
    """A batch's worth more, and not the hours in which nothing was heard before."""
    clock = Seconds()
    seen = Seen(clock)
    seen.note(Cursor(5_000, 3))
    clock.now += 1.5
    seen.note(Cursor(5_000, 2))
    assert seen.arguments() == ("5000-3", 6_502)
    clock.now += 3600
    seen.note(Cursor(6_000, 0))
    assert seen.arguments() == ("6000-0", 6_002)
