"""How many readers a process and each party has, and how many each may have."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from ..errors import TooManyConnections


class Crowd:
    """Readers by party: an address, or the subject of a token.

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


class Asking(Protocol):
    """Whose a reader is, or would be: an address, and a subject if it named one."""

    @property
    def client(self) -> str:
        """The address."""

    @property
    def subject(self) -> str:
        """The subject; empty if none."""


class Quotas:
    """The readers and polls of a process, by party.

    Args:
        most: of the process; 0 is no limit.
        most_per_client: of one address; 0 is no limit.
        most_per_subject: of one subject; 0 is no limit.
    """

    def __init__(self, most: int, most_per_client: int, most_per_subject: int) -> None:
        self._most: Final = most
        self._count = 0
        self._clients: Final = Crowd(most_per_client)
        self._subjects: Final = Crowd(most_per_subject)

    def refuse_if_full(self, asking: Asking, retry_after: float) -> None:
        """Raise `TooManyConnections` if there is no room for one more; `retry_after` in seconds."""
        if self._most and self._count >= self._most:
            raise TooManyConnections(
                f"this process has {self._most} readers, the most it may", retry_after=retry_after
            )
        self._clients.refuse_if_full(asking.client, retry_after)
        self._subjects.refuse_if_full(asking.subject, retry_after)

    def enter(self, asking: Asking) -> None:
        """Count one more."""
        self._count += 1
        self._clients.enter(asking.client)
        self._subjects.enter(asking.subject)

    def leave(self, asking: Asking) -> None:
        """Count one fewer."""
        self._count -= 1
        self._clients.leave(asking.client)
        self._subjects.leave(asking.subject)
