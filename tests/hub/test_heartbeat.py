"""The wheel of heartbeats."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from streamer.hub.heartbeat import Wheel


def test_a_member_is_due_each_time_its_interval_has_passed() -> None:
    """The first time a whole interval after it came."""
    wheel: Wheel[str] = Wheel()
    wheel.add("a", 3)
    assert [list(wheel.tick()) for _ in range(7)] == [[], [], ["a"], [], [], ["a"], []]


def test_a_member_of_one_second_is_due_at_every_tick() -> None:
    """The shortest interval."""
    wheel: Wheel[str] = Wheel()
    wheel.add("a", 1)
    assert [list(wheel.tick()) for _ in range(3)] == [["a"], ["a"], ["a"]]


def test_a_member_that_was_taken_out_is_due_no_more() -> None:
    """By popping it from the slot that it was given."""
    wheel: Wheel[str] = Wheel()
    slot = wheel.add("a", 2)
    wheel.add("b", 2)
    slot.pop("a")
    assert [list(wheel.tick()) for _ in range(4)] == [[], ["b"], [], ["b"]]


def test_a_member_may_be_taken_out_while_those_due_are_served() -> None:
    """A write to a reader may end it, or another."""
    wheel: Wheel[str] = Wheel()
    slot = wheel.add("a", 1)
    wheel.add("b", 1)
    served = []
    for member in wheel.tick():
        served.append(member)
        slot.pop("a", None)
        slot.pop("b", None)
    assert served == ["a", "b"]
    assert list(wheel.tick()) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 7)), max_size=20))
def test_every_member_keeps_its_own_time(members: list[tuple[int, int]]) -> None:
    """Whenever it came, and whatever the others' intervals are."""
    wheel: Wheel[tuple[int, int, int]] = Wheel()
    arrivals: dict[int, list[tuple[int, int, int]]] = {}
    for number, (arrival, interval) in enumerate(members):
        arrivals.setdefault(arrival, []).append((number, arrival, interval))
    for now in range(60):
        for member in arrivals.get(now, []):
            wheel.add(member, member[2])
        due = {m for ms in arrivals.values() for m in ms if m[1] <= now}
        expected = {m for m in due if (now + 1 - m[1]) % m[2] == 0}
        assert set(wheel.tick()) == expected
