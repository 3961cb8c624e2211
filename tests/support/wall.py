"""A clock that says which day it is, and that a test may set."""

from __future__ import annotations

from .turning import TurningLoop

#: 2 February 2025, 08:00:00 UTC.
EPOCH = 1_738_483_200.0


class Wall:
    """Seconds since 1970, which pass as those of a turning loop do."""

    def __init__(self, loop: TurningLoop) -> None:
        self._loop = loop
        self._base = EPOCH - loop.time()

    def __call__(self) -> float:
        return self._base + self._loop.time()

    def set(self, seconds: float) -> None:
        """Set it forward, or back; no time passes."""
        self._base += seconds
