"""Live readers that are written to only so often: what comes meanwhile waits, and is merged."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..events.cursor import Cursor
from ..events.event import Event
from ..events.merging import Running, merged
from .batch_pass import Owner
from .live import Live

if TYPE_CHECKING:
    from ..events.page import Gap
    from .fan_out import FanOut
    from .limits import HubLimits

#: Batches a second that a reader may ask for: one in ten seconds to fifty a second. More
#: would save nothing: whatever comes within a pass is a batch already.
MIN_RATE: Final = 0.1
MAX_RATE: Final = 50.0
#: Those there are: few, so that readers that ask for about the same are written to together.
RATES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)


def interval_of(rate: float) -> float:
    """Seconds between two batches at `rate`, or the next lower of `RATES`; 0.0 of none."""
    return 1.0 / RATES[bisect_right(RATES, rate) - 1] if rate else 0.0


class Throttled(Live):
    """Readers of one feed that are written to once in `interval` seconds at most.

    They stand where the last batch left them, while the head of the feed moves on: one that
    leaves continues from there, as from any cursor. What came since waits here, once for all
    of them, and goes out merged. The first event after a rest does not wait, and a terminal
    one never does. One timer serves all; it runs only while something waits.
    """

    _is_at_once = False

    def __init__(
        self,
        feed: Owner,
        position: Cursor,
        interval: float,
        *,
        limits: HubLimits,
        fan_out: FanOut,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        super().__init__(feed, position, limits=limits, fan_out=fan_out, call_soon=call_soon)
        self._interval = interval
        self._next = self._loop.time()  # when the next batch may go out
        # Due then; only while something waits for it.
        self._timer: asyncio.TimerHandle | None = None
        self._size = 0  # of what waits, in bytes, about
        self._is_urgent = False
        self._running = Running()

    def push(self, events: Sequence[Event]) -> None:
        """Keep what is new until its time comes, or something comes that does not wait."""
        self._outbox += events
        self._size += sum(event.size for event in events)
        self._is_urgent = self._is_urgent or any(event.terminal for event in events)
        if self._pass is None:
            self._plan()

    def lose(self, gaps: Sequence[Gap], behind: Cursor) -> None:
        """As for `Live`; what is lost may have said anything of a job."""
        self._running.clear()
        super().lose(gaps, behind)

    def _plan(self) -> None:
        wait = self._next - self._loop.time()
        if wait <= 0.0 or self._is_urgent or self._is_too_much():
            self._begin_pass()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait, self._is_due)

    def _is_due(self) -> None:
        self._timer = None
        self._begin_pass_if_idle()

    def _pass_ended(self) -> None:
        self._plan()

    def _is_too_much(self) -> bool:
        """Whether more waits than may, also once it is merged."""
        most, most_bytes = self._limits.waiting_events, self._limits.waiting_bytes
        if len(self._outbox) <= most and self._size <= most_bytes:
            return False
        if self._late:  # who counts what is here as it came
            return True
        # What they were given is still what it was: `_running` is not to learn of it twice.
        self._outbox = merged(self._outbox, self._running.copy())
        self._size = sum(event.size for event in self._outbox)
        # With little room left it would be merged again and again.
        return 2 * len(self._outbox) > most or 2 * self._size > most_bytes

    def _shown(self, events: list[Event]) -> list[Event]:
        return merged(events, self._running.copy())

    def _taken(self) -> list[Event]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._next = self._loop.time() + self._interval
        self._size, self._is_urgent = 0, False
        return merged(super()._taken(), self._running)
