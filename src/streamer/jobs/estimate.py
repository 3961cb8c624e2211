"""How fast something grows, as an exponential average; pure, no clock."""

from __future__ import annotations

import math
from typing import Final

#: Seconds after which what was seen counts for a third (1/e): long enough that one slow
#: item is no alarm, short enough that a change of pace is seen within a minute.
TIME_CONSTANT: Final = 15.0


class Estimate:
    """The pace of one quantity: growth and time, both forgotten exponentially.

    Their ratio is the average over time, weighted by how long ago it was. It needs no
    value to begin with, and two looks close to each other weigh as little as they say.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._value = 0.0
        self._growth = 0.0
        self._seconds = 0.0

    def look(self, now: float, value: float) -> None:
        """It is `value` at `now`, in seconds; one that fell is another quantity, begun anew."""
        if self._at is None or value < self._value:
            self._growth = self._seconds = 0.0
        elif (passed := now - self._at) > 0:
            kept = math.exp(-passed / TIME_CONSTANT)
            self._growth = self._growth * kept + value - self._value
            self._seconds = self._seconds * kept + passed
        self._at, self._value = now, value

    @property
    def rate(self) -> float | None:
        """Growth a second; None until it has been seen to grow."""
        if self._seconds <= 0 or self._growth <= 0:
            return None
        return _finite(self._growth / self._seconds)

    def seconds_until(self, goal: float) -> float | None:
        """Seconds until it is `goal`, at its pace; None where nobody knows."""
        left = goal - self._value
        if left <= 0:
            return 0.0
        rate = self.rate
        return None if rate is None else _finite(left / rate)


def _finite(value: float) -> float | None:
    """Rounded to four digits: an estimate is no more exact, and shorter so."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
