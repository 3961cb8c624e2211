"""The shared windows of a process: so many at most, of those who write most recently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol


class Owner(Protocol):
    """Who has a window."""

    def renew(self) -> None:
        """Give the window up; the next batch begins another."""


class Windows:
    """Who has a window: each is a quarter of a MiB, whatever is written by it.

    Args:
        clock: seconds, of any clock that does not go back.
        most: windows at a time.
        at_least: seconds after its last use for which one is not taken from its owner for
            another: of many who write in turn some shall have one, rather than all a new
            one each time, and nothing of it.
        rest: seconds after its last use at which one is given up.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        most: int = 256,
        *,
        at_least: float = 5.0,
        rest: float = 60.0,
    ) -> None:
        self.clock: Final = clock
        self._most: Final = most
        self._at_least: Final = at_least
        self._rest: Final = rest
        # When each was used last; in that order.
        self._used: dict[Owner, float] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._used)

    def use(self, owner: Owner) -> bool:
        """Note that `owner` writes; False if it may have no window now."""
        now = self.clock()
        had_one = self._used.pop(owner, None) is not None
        if self._used:
            oldest = next(iter(self._used))
            idle = now - self._used[oldest]
            if idle >= (self._at_least if self._is_full else self._rest):
                del self._used[oldest]
                oldest.renew()
        if self._is_full and not had_one:
            return False
        self._used[owner] = now
        return True

    @property
    def _is_full(self) -> bool:
        return len(self._used) >= self._most

    def give_up(self, owner: Owner) -> None:
        """`owner` has no window any more, if it had one."""
        self._used.pop(owner, None)
