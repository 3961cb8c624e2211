"""So many at a time."""

from __future__ import annotations

import asyncio

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.turns import Turns
from support.waiting import wait_until


async def test_those_beyond_wait_in_the_order_in_which_they_came() -> None:
    """Nobody overtakes; one that goes lets the next one in."""
    turns = Turns(2, 60.0)
    inside: list[int] = []
    gates = [asyncio.Event() for _ in range(5)]

    async def read(number: int) -> None:
        async with turns:
            inside.append(number)
            await gates[number].wait()

    tasks = [asyncio.create_task(read(number)) for number in range(5)]
    await wait_until(lambda: len(inside) >= 2, "the first two were not let in")
    assert inside == [0, 1]
    tasks[2].cancel()  # it waits: its turn is the next one's
    gates[1].set()
    await wait_until(lambda: len(inside) >= 3, "the next was not let in")
    assert inside == [0, 1, 3]
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert inside == [0, 1, 3, 4]


async def test_a_turn_that_does_not_come_is_refused_with_when_to_come_back() -> None:
    """And takes nobody else's."""
    turns = Turns(1, 0.001)
    async with turns:
        with pytest.raises(LogUnavailable) as refused:
            async with turns:
                raise AssertionError("two were let in")
        assert refused.value.retry_after == 1.0
    async with turns:
        pass


async def test_what_fails_gives_its_turn_back() -> None:
    turns = Turns(1, 0.001)
    with pytest.raises(ValueError, match="broken"):
        async with turns:
            raise ValueError("broken")
    async with turns:
        pass
