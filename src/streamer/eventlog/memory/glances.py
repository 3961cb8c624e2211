"""How jobs stand, in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ...events.snapshot import Snapshot
from ..glances import Glance


class MemoryGlances:
    """`Glances` as `RedisGlances` reads them.

    Args:
        snapshots: of topics.
    """

    def __init__(self, snapshots: Callable[[Sequence[str]], dict[str, Snapshot]]) -> None:
        self._snapshots: Final = snapshots

    async def at(self, topics: Sequence[str]) -> list[Glance]:
        """See `Glances.at`."""
        found = self._snapshots(topics)
        return [Glance(found[topic].status, frozenset(found[topic].tasks)) for topic in topics]
