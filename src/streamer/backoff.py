"""How long to wait before another attempt: longer each time, bounded, never in step.

`eventlog/embedded/supervisor.py` alone counts for itself: it runs without our package.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

import msgspec

#: Doublings after which a wait grows no more: 1,024 times any first wait is beyond
#: the longest one, and a power of a count of attempts that never ends is a large number.
_DOUBLINGS: Final = 10


def jittered(seconds: float, share: Callable[[], float] = random.random) -> float:
    """Between half of `seconds` and all of it, at random: `share` is from 0.0 to 1.0.

    Random so that those who lost the same thing together do not come back together.
    """
    return seconds * (0.5 + share() / 2)


def grown(attempt: int, first: float, longest: float) -> float:
    """Seconds before the n-th attempt, from 0: `first`, doubled each time, `longest` at most."""
    return min(longest, math.ldexp(first, min(attempt, _DOUBLINGS)))


class Backoff(msgspec.Struct, frozen=True):
    """The jittered wait before each attempt.

    Attributes:
        first: seconds before attempt 0, at most; half of it at least.
        longest: seconds before any attempt, at most.
    """

    first: float
    longest: float

    def __call__(self, attempt: int, share: Callable[[], float] = random.random) -> float:
        """Seconds before the n-th attempt, from 0; `share` is the random part, 0.0 to 1.0."""
        return jittered(grown(attempt, self.first, self.longest), share)
