"""While passes take most of the time, events of a reader may share a packet; and no longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamer.hub.packing import LOOK, Packing
from support.turning import TurningLoop

#: Seconds between two events, and what a pass takes that takes most of that.
EVERY = 0.01
MOST = 0.006


class Cohort:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pack(self) -> None:
        self.told.append("pack")

    def send_at_once(self) -> None:
        self.told.append("send at once")


class Room:
    """Passes over two cohorts, on a clock that only a test moves."""

    def __init__(self, busy: float) -> None:
        self.loop = TurningLoop()
        self._cohorts = [Cohort(), Cohort()]
        self._packing = Packing(
            lambda: self._cohorts,
            busy=busy,
            clock=self.loop.time,
            call_later=self.loop.call_later,
            call_soon=self.loop.call_soon,
        )

    def passes(self, seconds: float, *, took: float, every: float = EVERY) -> None:
        """Have them for so long: one `every` so often that takes so long."""
        for _ in range(round(seconds / every)):
            self._packing.began()
            self.loop.spend(took)
            self._packing.ended()
            self.loop.advance(every - took)

    def told(self) -> list[str]:
        """What each cohort was told since it was asked last."""
        self.loop.turn(5)
        first, second = (cohort.told.copy() for cohort in self._cohorts)
        for cohort in self._cohorts:
            cohort.told.clear()
        assert first == second
        return first


@pytest.fixture
def busy() -> float:
    return 0.5


@pytest.fixture
def room(busy: float) -> Iterator[Room]:
    room = Room(busy)
    yield room
    assert not room.loop.faults
    room.loop.finish()


@pytest.mark.parametrize(("took", "every"), [(0.001, 0.0011), (0.004, EVERY)])
def test_nothing_shares_a_packet_where_passes_are_short_or_leave_time(
    room: Room, took: float, every: float
) -> None:
    room.passes(5.0, took=took, every=every)
    assert room.told() == []


def test_events_share_packets_once_a_pass_has_taken_most_of_the_time(room: Room) -> None:
    room.passes(EVERY, took=MOST)
    assert room.told() == []
    room.passes(0.5, took=MOST)
    assert room.told() == ["pack"], "which is not said again for each pass"


def test_who_is_near_is_looked_at_again_once_a_second(room: Room) -> None:
    room.passes(5.5 * LOOK, took=MOST)
    assert room.told() == ["pack"] * 6


def test_passes_that_are_quicker_for_it_do_not_end_it(room: Room) -> None:
    room.passes(0.5 * LOOK, took=MOST)
    room.passes(4.0 * LOOK, took=MOST / 4)
    assert room.told() == ["pack"] * 5


def test_once_there_is_time_again_nothing_waits(room: Room) -> None:
    room.passes(0.5 * LOOK, took=MOST)
    room.passes(2.5 * LOOK, took=0.001)
    assert room.told() == ["pack"] * 2 + ["send at once"], "a whole second has had time"
    room.passes(0.5 * LOOK, took=MOST)
    assert room.told() == ["pack"], "it begins anew"


def test_it_ends_where_no_pass_follows(room: Room) -> None:
    room.passes(2 * EVERY, took=MOST)
    for _ in range(3):
        room.loop.advance(LOOK)
    assert room.told() == ["pack", "send at once"]


@pytest.mark.parametrize("busy", [1.0])
def test_passes_may_be_let_take_all_of_the_time(room: Room) -> None:
    room.passes(2.0, took=EVERY)
    assert room.told() == []
