"""Counts in plain numbers: no lock, no library, nothing but an addition where things happen."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final, get_args

from ..errors import OUTCOMES
from ..metrics import Dropped, Transport
from . import families as f
from .numbers import Numbers

_TRANSPORTS: Final[frozenset[str]] = frozenset(get_args(Transport))
#: Codes of errors: ours, and those that the framework's are called by.
_CODES: Final = frozenset(OUTCOMES) | {
    status.phrase.lower().replace(" ", "_").replace("-", "_") for status in HTTPStatus
}


class Histogram:
    """How often each duration was seen.

    Attributes:
        counts: one for each of `families.SECONDS`, and one for what took longer.
        sum: of all, in seconds.
    """

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts: Final = [0] * (len(f.SECONDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count a duration, so many times."""
        self.counts[bisect_left(f.SECONDS, seconds)] += times
        self.sum += seconds * times


class Counting:
    """`Metrics` of one process, for ``/metrics``.

    Args:
        clock: seconds since 1970, by which events are late.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock: Final = clock
        self._connections: Final = Counter[str](dict.fromkeys(_TRANSPORTS, 0))
        self._opened: Final = Counter[str](dict.fromkeys(_TRANSPORTS, 0))
        self._refused: Final = Counter[str]()
        self._dropped: Final = Counter[str](dict.fromkeys(get_args(Dropped), 0))
        self._published = self._failed = self._delivered = self._replayed = self._gaps = 0
        self._interruptions = 0
        self._publish: Final = Histogram()
        self._append: Final = Histogram()
        self._delivery: Final = Histogram()
        self.loop_lag: Final = Histogram()

    # As `Metrics` says

    def attached(self, transport: str) -> None:
        """See `Metrics.attached`."""
        transport = transport if transport in _TRANSPORTS else f.OTHER
        self._connections[transport] += 1
        self._opened[transport] += 1

    def left(self, transport: str) -> None:
        """See `Metrics.left`."""
        self._connections[transport if transport in _TRANSPORTS else f.OTHER] -= 1

    def published(self, events: int, waited: float, took: float) -> None:
        """See `Metrics.published`."""
        self._published += events
        self._publish.observe(waited, events)
        self._append.observe(took)

    def append_failed(self, events: int) -> None:
        """See `Metrics.append_failed`."""
        self._failed += events

    def delivered(self, readers: int, events: int, oldest: int) -> None:
        """See `Metrics.delivered`."""
        count = readers * events
        self._delivered += count
        if oldest:
            # Two clocks: what is written before it was appended took no time.
            self._delivery.observe(max(0.0, self._clock() - oldest / 1000), count)

    def replayed(self, events: int) -> None:
        """See `Metrics.replayed`."""
        self._replayed += events

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """See `Metrics.reported_gaps`."""
        self._gaps += readers * gaps

    def refused(self, code: str) -> None:
        """See `Metrics.refused`."""
        self._refused[code if code in _CODES else f.OTHER] += 1

    def dropped(self, reason: Dropped) -> None:
        """See `Metrics.dropped`."""
        self._dropped[reason] += 1

    def interrupted(self) -> None:
        """See `Metrics.interrupted`."""
        self._interruptions += 1

    # For whoever reports

    def sums(self) -> dict[str, int]:
        """What of it a process says of itself every few seconds, by the names of its report."""
        return {
            "published": self._published,
            "delivered": self._delivered,
            "replayed": self._replayed,
            "gaps": self._gaps,
        }

    def numbers(self) -> Numbers:
        """All that was counted since the process began."""
        numbers = Numbers()
        for family, counter in (
            (f.CONNECTIONS, self._connections),
            (f.OPENED, self._opened),
            (f.REFUSED, self._refused),
            (f.DROPPED, self._dropped),
        ):
            for label, count in counter.items():
                numbers.set(family, count, label)
        for family, count in (
            (f.PUBLISHED, self._published),
            (f.FAILED, self._failed),
            (f.DELIVERED, self._delivered),
            (f.REPLAYED, self._replayed),
            (f.GAPS, self._gaps),
            (f.INTERRUPTIONS, self._interruptions),
        ):
            numbers.set(family, count)
        for family, histogram in self._histograms():
            numbers.set_histogram(family, histogram.counts, histogram.sum)
        return numbers

    def _histograms(self) -> Iterator[tuple[f.Family, Histogram]]:
        yield f.PUBLISH, self._publish
        yield f.APPEND, self._append
        yield f.DELIVERY, self._delivery
        yield f.LOOP_LAG, self.loop_lag
