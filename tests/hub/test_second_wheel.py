"""The wheel of seconds."""

from __future__ import annotations

import math

import hypothesis.strategies as st
from hypothesis import given

from streamer.hub.second_wheel import SecondWheel


def test_a_member_is_due_once_in_its_second() -> None:
    wheel: SecondWheel[str] = SecondWheel(100.0)
    wheel.add("a", 102.0)
    assert bool(wheel)
    assert [wheel.advance(now) for now in (101.0, 101.9, 102.0, 103.0)] == [[], [], ["a"], []]
    assert not wheel


def test_a_member_is_never_due_before_its_time() -> None:
    """A fraction of a second is rounded up."""
    wheel: SecondWheel[str] = SecondWheel(100.0)
    wheel.add("a", 101.001)
    assert [wheel.advance(now) for now in (101.0, 101.9, 102.0)] == [[], [], ["a"]]


def test_a_member_whose_time_is_over_is_due_next() -> None:
    wheel: SecondWheel[str] = SecondWheel(100.0)
    wheel.add("a", 50.0)
    assert [wheel.advance(now) for now in (100.5, 101.0)] == [[], ["a"]]


def test_a_member_that_was_taken_out_is_not_due() -> None:
    wheel: SecondWheel[str] = SecondWheel(100.0)
    second = wheel.add("a", 101.0)
    wheel.add("b", 101.0)
    wheel.remove("a", second)
    wheel.remove("a", second)
    assert wheel.advance(101.0) == ["b"]
    wheel.remove("b", second)


def test_it_keeps_nothing_of_seconds_that_have_no_members() -> None:
    """Tokens may end years ahead, each in another second."""
    wheel: SecondWheel[int] = SecondWheel(0.0)
    for number in range(1, 1000):
        wheel.remove(number, wheel.add(number, number * 1e6))
    assert not wheel


def test_a_clock_that_shows_another_year_costs_no_step_for_each_second() -> None:
    """As a machine whose clock was set for the first time."""
    wheel: SecondWheel[str] = SecondWheel(0.0)
    wheel.add("b", 2.0)
    wheel.add("a", 1.0)
    wheel.add("later", 1e12)
    assert wheel.advance(1e10) == ["a", "b"]
    assert wheel.advance(5.0) == []
    wheel.add("c", 5.0)
    assert wheel.advance(1e10 + 1) == ["c"]


def test_all_can_be_taken_out_at_once() -> None:
    wheel: SecondWheel[str] = SecondWheel(0.0)
    wheel.add("a", 1.0)
    wheel.add("b", 9.0)
    assert wheel.clear() == ["a", "b"]
    assert not wheel


@given(
    st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=30),
    st.lists(st.floats(0.0, 10.0), max_size=20),
)
def test_everybody_is_due_once_at_the_first_look_after_their_second(
    members: list[tuple[float, bool]], pauses: list[float]
) -> None:
    """However often it is looked at; and who was taken out, never."""
    wheel: SecondWheel[int] = SecondWheel(0.0)
    awaited = {}
    for number, (at, leaves) in enumerate(members):
        second = wheel.add(number, at)
        if leaves:
            wheel.remove(number, second)
        else:
            awaited[number] = max(1, math.ceil(at))
    now = 0.0
    for pause in [*pauses, 40.0]:
        now += pause
        expected = {number for number, second in awaited.items() if second <= math.floor(now)}
        found = wheel.advance(now)
        assert sorted(found) == sorted(expected)
        assert [awaited[number] for number in found] == sorted(awaited[number] for number in found)
        for number in found:
            del awaited[number]
    assert not awaited
