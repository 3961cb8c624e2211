"""How far each subject has read each topic, in the memory of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from ...config.unread import UnreadPolicy
from ...errors import InvalidCursor, TooManyReaders
from ...events.cursor import ORIGIN, Cursor
from ...events.reading import Reading, ReadState
from ..reader_cursors import CURSOR_TTL, MAX_LISTED, MAX_READERS
from .topic import MemoryTopic


class MemoryReaderCursors:
    """`ReaderCursors` as `RedisReaderCursors` keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
        lock: held while anything is read or written.
        find: the log's position, and a topic of it, if there is one.
        unread: which events count on each topic.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        lock: AbstractContextManager[object],
        find: Callable[[str], tuple[Cursor, MemoryTopic | None]],
        unread: UnreadPolicy,
    ) -> None:
        self._clock: Final = clock
        self._lock: Final = lock
        self._find: Final = find
        self._unread: Final = unread
        # By topic and subject: where the cursor is, and when it was moved.
        self._cursors: Final[dict[str, dict[str, tuple[Cursor, int]]]] = {}

    async def move(self, topic: str, subject: str, to: Cursor) -> tuple[ReadState, bool]:
        """See `ReaderCursors.move`."""
        with self._lock:
            found = self._move(topic, subject, to)
        await asyncio.sleep(0)
        return found

    async def states(self, topics: Sequence[str], subject: str) -> Reading:
        """See `ReaderCursors.states`."""
        with self._lock:
            head = self._find("")[0]
            states = {topic: self._state(topic, subject) for topic in topics}
        await asyncio.sleep(0)
        return Reading(states, head)

    async def readers(self, topic: str) -> dict[str, Cursor]:
        """See `ReaderCursors.readers`."""
        with self._lock:
            latest = sorted(self._of(topic).items(), key=lambda item: item[1][1], reverse=True)
        await asyncio.sleep(0)
        return {subject: cursor for subject, (cursor, _) in latest[:MAX_LISTED]}

    def count(self, topic: str) -> int:
        """How many subjects have a cursor on a topic."""
        return len(self._of(topic))

    def forget(self, topic: str) -> None:
        """Forget the cursors on a topic."""
        self._cursors.pop(topic, None)

    def _move(self, topic: str, subject: str, to: Cursor) -> tuple[ReadState, bool]:
        head, now = self._find(topic)[0], self._clock()
        if head < to:
            raise InvalidCursor.ahead(to, head)
        cursors = self._of(topic)
        if subject in cursors and to <= cursors[subject][0]:
            return self._state(topic, subject), False
        if subject not in cursors and len(cursors) >= MAX_READERS:
            gone = [name for name, (_, at) in cursors.items() if at <= now - CURSOR_TTL]
            if not gone:
                raise TooManyReaders.of(MAX_READERS)
            for name in gone:
                del cursors[name]
        cursors[subject] = (to, now)
        self._cursors[topic] = cursors
        return self._state(topic, subject), True

    def _of(self, topic: str) -> dict[str, tuple[Cursor, int]]:
        cursors = self._cursors.get(topic, {})
        if cursors and max(at for _, at in cursors.values()) <= self._clock() - CURSOR_TTL:
            return {}
        return cursors

    def _state(self, topic: str, subject: str) -> ReadState:
        cursor = self._of(topic).get(subject, (None, 0))[0]
        if self._unread.of(topic) is None:
            return ReadState(cursor, None)
        found = self._find(topic)[1]
        unread = 0 if found is None else found.counted_after(cursor or ORIGIN)
        return ReadState(cursor, unread)
