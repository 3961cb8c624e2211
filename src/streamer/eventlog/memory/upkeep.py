"""What is looked after by hand, in the memory of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from ...errors import TopicBusy
from ...events.cursor import Cursor
from ..rules import LogRules
from ..upkeep import Holding
from .reader_cursors import MemoryReaderCursors
from .topic import MemoryTopic


class MemoryUpkeep:
    """`Upkeep` as `RedisUpkeep` does it.

    Args:
        lock: held while anything is read or written.
        find: a topic, if there is one.
        next_id: takes the next id.
        told: notifies that a topic was deleted.
        forgotten: forgets what else goes with it.
    """

    def __init__(
        self,
        lock: AbstractContextManager[object],
        find: Callable[[str], MemoryTopic | None],
        next_id: Callable[[], Cursor],
        told: Callable[[str], None],
        forgotten: Callable[[str], None],
        *,
        cursors: MemoryReaderCursors,
        rules: LogRules,
    ) -> None:
        self._lock: Final = lock
        self._find: Final = find
        self._next_id: Final = next_id
        self._told: Final = told
        self._forgotten: Final = forgotten
        self._cursors: Final = cursors
        self._rules: Final = rules

    async def describe(self, topics: Sequence[str]) -> list[Holding]:
        """See `Upkeep.describe`."""
        with self._lock:
            found = [self._holding(name) for name in topics]
        await asyncio.sleep(0)
        return found

    async def delete(self, topic: str, *, force: bool = False) -> Cursor | None:
        """See `Upkeep.delete`."""
        with self._lock:
            held = self._holding(topic)
            if held.is_empty:
                return None
            if held.busy and not force:
                raise TopicBusy.of(topic)
            id_ = self._next_id()
            if (found := self._find(topic)) is not None:
                found.delete(id_)
            self._cursors.forget(topic)
            self._forgotten(topic)
            self._told(topic)
        await asyncio.sleep(0)
        return id_

    async def trim(self, topics: Sequence[str]) -> int:
        """See `Upkeep.trim`."""
        removed = 0
        with self._lock:
            for name in topics:
                if (found := self._find(name)) is not None:
                    removed += found.trim(self._rules.current.retention.of(name))
                    self._find(name)  # its age may be over
        await asyncio.sleep(0)
        return removed

    def _holding(self, name: str) -> Holding:
        found = self._find(name)
        cursors = self._cursors.count(name)
        return Holding(name, cursors=cursors) if found is None else found.holding(cursors)
