"""A wheel of seconds: who is due when, whatever their number."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

T = TypeVar("T")


class SecondWheel(Generic[T]):
    """Members that are due once, each in the second of its own.

    What a second costs is who is due in it, and not who waits for another.

    Args:
        now: what its clock shows, in seconds; whoever is due before comes next.
    """

    __slots__ = ("_passed", "_slots")

    def __init__(self, now: float) -> None:
        self._passed = math.floor(now)
        # Of seconds that have members, no others: they may be years ahead.
        self._slots: dict[int, dict[T, None]] = {}

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._slots)

    def add(self, member: T, at: float) -> int:
        """Make `member` due at the first whole second that is not before `at`.

        Returns the second in which it sits, for `remove`.
        """
        second = max(math.ceil(at), self._passed + 1)
        self._slots.setdefault(second, {})[member] = None
        return second

    def remove(self, member: T, second: int) -> None:
        """Take `member` out of `second`, if it is still there."""
        slot = self._slots.get(second)
        if slot is not None:
            slot.pop(member, None)
            if not slot:
                del self._slots[second]

    def advance(self, now: float) -> list[T]:
        """Let the seconds up to `now` pass; return who is due, those of the first second first."""
        before, self._passed = self._passed, max(self._passed, math.floor(now))
        seconds = range(before + 1, self._passed + 1)
        if len(seconds) > len(self._slots):  # nobody turned it for long
            return [member for second in sorted(self._slots) for member in self._take(second)]
        return [member for second in seconds for member in self._take(second)]

    def clear(self) -> list[T]:
        """Take everybody out, and return them."""
        members = [member for slot in self._slots.values() for member in slot]
        self._slots.clear()
        return members

    def _take(self, second: int) -> dict[T, None]:
        return self._slots.pop(second, {}) if second <= self._passed else {}
