"""Waiting for a condition, with a deadline that names what did not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

T = TypeVar("T")

#: Seconds; far beyond what anything takes on a loaded machine, short of the test's own timeout.
DEADLINE: Final = 20.0

#: Seconds between two looks: the first ones are quick, for what is nearly there.
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


class DidNotCome(AssertionError):
    """What was waited for did not come in time."""

    def __init__(self, what: str, deadline: float) -> None:
        super().__init__(f"{what}, within {deadline:g} s")


@overload
async def wait_until(
    condition: Callable[[], Awaitable[T]], what: str, *, deadline: float = DEADLINE
) -> T: ...


@overload
async def wait_until(condition: Callable[[], T], what: str, *, deadline: float = DEADLINE) -> T: ...


async def wait_until(condition: Callable[[], Any], what: str, *, deadline: float = DEADLINE) -> Any:
    """Return the first true value of `condition`, asked again and again.

    `what` says what did not come, as in "the reader was never told of the gap";
    `deadline` is in seconds. An exception of `condition` is the caller's.

    Raises:
        DidNotCome: naming `what`.
    """
    end = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        answer = condition()
        value = await answer if isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() >= end:
            raise DidNotCome(what, deadline)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def wait_until_blocking(condition: Callable[[], T], what: str, *, deadline: float = DEADLINE) -> T:
    """Do as `wait_until`, in a test without an event loop."""
    end = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise DidNotCome(what, deadline)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
