"""What a job is and how it stands, at a glance: nothing that may be large is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Glance(NamedTuple):
    """How one job stands.

    Attributes:
        status: one of `job_event.STATUSES`; None before any job event.
        tasks: the names of its tasks, in no order.
    """

    status: str | None
    tasks: frozenset[str]


class Glances(Protocol):
    """How many jobs stand.

    It raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def at(self, topics: Sequence[str]) -> list[Glance]:
        """How the jobs stand whose own topics these are, in order."""
