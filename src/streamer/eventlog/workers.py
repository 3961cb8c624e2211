"""Which workers there are: each announces itself, and is forgotten when it no longer does."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

#: Milliseconds that an announcement is believed.
WORKER_TTL: Final = 10_000
#: Seconds between two announcements: one may be lost, and one late.
ANNOUNCE_SECONDS: Final = 3.0


class Workers(Protocol):
    """The workers that report to the log.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def announce(self, worker: str, queues: Collection[str]) -> None:
        """Say that `worker` takes jobs from `queues`; it is believed for 10 seconds."""

    async def withdraw(self, worker: str) -> None:
        """Say that `worker` takes no more jobs."""

    async def queues(self) -> list[frozenset[str]]:
        """The queues of each worker that has announced itself lately."""
