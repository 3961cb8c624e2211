"""How often somebody may do something, as a pure rule."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

#: Clients remembered; beyond them, the one not seen for longest is forgotten.
#: Its next request is taken as its first, which at worst allows one burst more.
MAX_CLIENTS: Final = 100_000


class Rate:
    """So many a second for each client, and so many at once (GCRA).

    For each client one number is kept: when its bucket will be empty again
    (the "theoretical arrival time" of ITU-T I.371). No timer and no thread.

    Args:
        per_second: allowed in the long run; 0 is no limit.
        burst: allowed at once, 1 or more.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self.burst: Final = burst
        #: Seconds in which one more is allowed; 0.0 is no limit.
        self.interval: Final = 1.0 / per_second if per_second > 0 else 0.0
        self._tolerance = self.interval * burst
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def spend(self, client: str, now: float, count: int = 1) -> tuple[float, int]:
        """Count `count` tries of `client` at `now` (seconds, of a clock that never goes back).

        Returns 0.0 if they are allowed, else the seconds after which they will be, and
        how many more are allowed at once; tries that are not allowed do not count. More
        than a burst at once are as many as a burst: else they would never be allowed.
        """
        interval, tolerance = self.interval, self._tolerance
        if not interval:
            return 0.0, self.burst
        cost = interval if count == 1 else min(count * interval, tolerance)
        used = self._empty_at.get(client, now) - now
        room = tolerance - used if used > 0.0 else tolerance
        left = room - cost
        # Floating point: a burst of exactly `burst` must pass.
        if left < interval * -1e-6:
            return -left, int(room / interval + 1e-6)
        self._empty_at[client] = now + tolerance - left
        self._empty_at.move_to_end(client)
        if len(self._empty_at) > MAX_CLIENTS:
            self._empty_at.popitem(last=False)
        return 0.0, int(left / interval + 1e-6)

    def wait(self, client: str, now: float, count: int = 1) -> float:
        """As `spend`, of which it returns the seconds to wait alone."""
        return self.spend(client, now, count)[0]


class Pace:
    """The rate of one party that is slowed, never refused (GCRA, as `Rate`).

    Args:
        per_second: allowed in the long run.
        burst: allowed at once, 1 or more.
    """

    __slots__ = ("_empty_at", "_interval", "_tolerance")

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1.0 / per_second
        self._tolerance = self._interval * burst
        self._empty_at = 0.0

    def spend(self, count: int, now: float) -> float:
        """Count `count` at `now` (seconds); return how long to wait before the next, or 0.0."""
        self._empty_at = max(self._empty_at, now) + count * self._interval
        return max(0.0, self._empty_at - now - self._tolerance)
