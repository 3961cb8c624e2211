"""Waiting for a condition, with a deadline that names what did not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

T = TypeVar("T")

#: What did not come: its text, or what makes it then, of how things stand.
What = str | Callable[[], str]

#: Seconds, for whatever a test waits for. A wait that succeeds costs none of them, so it is far
#: beyond what anything takes on a machine of two cores that does five other things, and short of
#: the test's own timeout (`timeout` of pyproject.toml), which names nothing.
DEADLINE: Final = 60.0
#: Seconds for a program that is waited for to its end and does much until then, such as a suite.
LONG_DEADLINE: Final = 3 * DEADLINE

#: Seconds between two looks: the first ones are quick, for what is nearly there.
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


class DidNotCome(AssertionError):
    """What was waited for did not come in time."""

    def __init__(self, what: str, deadline: float) -> None:
        super().__init__(f"{what}, within {deadline:g} s")


@overload
async def wait_until(
    condition: Callable[[], Awaitable[T]], what: What, *, deadline: float = DEADLINE
) -> T: ...


@overload
async def wait_until(
    condition: Callable[[], T], what: What, *, deadline: float = DEADLINE
) -> T: ...


async def wait_until(
    condition: Callable[[], Any], what: What, *, deadline: float = DEADLINE
) -> Any:
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
            raise DidNotCome(what if isinstance(what, str) else what(), deadline)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def wait_until_blocking(condition: Callable[[], T], what: What, *, deadline: float = DEADLINE) -> T:
    """Do as `wait_until`, in a test without an event loop."""
    end = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise DidNotCome(what if isinstance(what, str) else what(), deadline)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
