"""How long after a pass the next one begins: a long one is given time to have company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: Seconds; a pass that took less is none to save. An event loop may count in whole
#: milliseconds: what seems to have taken two took more than one.
_LONG: Final = 0.0015
#: Seconds between a pass and the next event: as many are time that nobody needed.
_TIME: Final = 0.0015


class Headway:
    """The time between two passes.

    To write to a thousand readers takes as long for one event as for ten. So while passes are
    long, each waits a little for events that are on their way. What it waits is no more than
    the last one took: nobody waits longer for company than they would for a pass that had
    just begun. While there is time, nobody waits: when an event comes a while behind a pass,
    passes are quick enough.

    Args:
        most: seconds, at most.
        clock: seconds, of any clock that does not go back.
    """

    __slots__ = ("_began", "_clock", "_ended", "_most", "_next")

    def __init__(self, most: float, clock: Callable[[], float]) -> None:
        self._most: Final = most
        self._clock: Final = clock
        self._began = self._ended = self._next = clock()

    def began(self) -> None:
        """Note that a pass begins."""
        self._began = self._clock()

    def ended(self) -> None:
        """Note that it has come to its end."""
        now = self._ended = self._clock()
        took = now - self._began
        self._next = now + min(took, self._most) if took >= _LONG else now

    @property
    def wait(self) -> float:
        """Seconds until the next may begin, for an event that has come now; 0.0 if it may now."""
        now = self._clock()
        return 0.0 if now - self._ended >= _TIME else max(0.0, self._next - now)
