"""How fast a job goes, and how long it may still take: as the page has it, in `web/pace.js`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .plain import plain

#: Seconds of watching before an estimate is worth a word, and progress in that time.
_LEAST_SECONDS: Final = 2.0
_LEAST_PROGRESS: Final = 0.02
#: Seconds; what takes longer is not worth a clock.
_LONGEST: Final = 7 * 24 * 3600.0
#: What a multiple of real time is written with.
TIMES: Final = "\N{MULTIPLICATION SIGN}"
#: Speeds from this on have no fraction.
_FAST: Final = 1000
#: Characters of a speed in a publisher's own words.
_MAX_WORDS: Final = 12


class Pace:
    """Of one job: from its own words, else from how far it came while we watched.

    Attributes:
        left: seconds that it may still take; None: nobody knows.
        speed: such as ``2.5`` and `TIMES`; empty if its publisher says nothing of it.
    """

    def __init__(self) -> None:
        self.left: float | None = None
        self.speed = ""
        self._begun: tuple[datetime, float] | None = None

    def move(
        self,
        progress: float,
        time: datetime | None,
        said: Mapping[str, Any],
        eta_seconds: object = None,
    ) -> None:
        """It is at `progress` at `time`; `said` is the event's metadata."""
        if time is not None and (self._begun is None or progress < self._begun[1]):
            self._begun = (time, progress)
        self.speed = _speed(said.get("speed"))
        left = _seconds(said.get("eta_seconds"))
        left = _seconds(said.get("eta")) if left is None else left
        left = _seconds(eta_seconds) if left is None else left
        left = self._estimate(progress, time) if left is None else left
        self.left = left if progress < 1 else None

    def _estimate(self, progress: float, time: datetime | None) -> float | None:
        if self._begun is None or time is None:
            return None
        seconds = (time - self._begun[0]).total_seconds()
        moved = progress - self._begun[1]
        if seconds < _LEAST_SECONDS or moved < _LEAST_PROGRESS:
            return None
        return _seconds((1 - progress) * seconds / moved)


def clock(seconds: float) -> str:
    """Such as ``0:07`` or ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _seconds(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= _LONGEST else None


def _speed(value: object) -> str:
    """A number is a multiple of real time, as ffmpeg has it; words are the publisher's."""
    number = _number(value)
    if number is None:
        return plain(value[:_MAX_WORDS]) if isinstance(value, str) else ""
    if number <= 0:
        return ""
    return (f"{number:.2g}" if number < _FAST else f"{number:.0f}") + TIMES
