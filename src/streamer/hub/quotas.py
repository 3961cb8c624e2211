"""How many readers one party has, and how many it may."""

from __future__ import annotations

from collections import Counter

from ..errors import TooManyConnections


class Crowd:
    """Readers by whose they are: an address, or the subject of a token.

    Args:
        most: readers of one party; 0 is no limit.
    """

    __slots__ = ("_counts", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def refuse_if_full(self, party: str, retry_after: float) -> None:
        """Raise `TooManyConnections` if `party` has as many as it may.

        An empty `party` is nobody in particular. `retry_after` is in seconds.
        """
        if party and self._most and self._counts[party] >= self._most:
            raise TooManyConnections(
                f"{party} has {self._most} connections to this process, the most it may; "
                "read several topics on one connection",
                retry_after=retry_after,
            )

    def enter(self, party: str) -> None:
        """Count a reader of `party`."""
        if party:
            self._counts[party] += 1

    def leave(self, party: str) -> None:
        """Stop counting a reader of `party`."""
        if party:
            self._counts[party] -= 1
            if not self._counts[party]:
                del self._counts[party]
