"""What one process knows of the ids that the log has given."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ...events.cursor import ORIGIN, Cursor

#: Milliseconds that are added to what was measured: others may have been given ids
#: in the moment in which ours was on its way.
_SLACK: Final = 2


class Seen:
    """The highest id that this process has seen, which every script is given.

    Only ids that came from the log itself count: of its answers and notifications,
    never one that a client sent. A log that is below it has lost something.

    Args:
        clock: seconds, counting on whatever becomes of the time of day.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._at = 0.0
        self.highest = ORIGIN

    def note(self, id_: Cursor) -> None:
        """The log has given `id_`."""
        if id_ > self.highest:
            self.highest = id_
            self._at = self._clock()

    def arguments(self) -> tuple[str, int]:
        """The floor and the bound of position.lua.

        The bound is in milliseconds since 1970: ids are taken from the log's clock,
        so since the highest was seen none was given that is further ahead of it
        than time has passed. (Unless the clock was set forward meanwhile.)
        """
        if self.highest == ORIGIN:
            return str(ORIGIN), 0
        passed = int((self._clock() - self._at) * 1000)
        return str(self.highest), self.highest.ms + passed + _SLACK
