"""One topic of the event log in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from ...config.retention import Retention
from ...events.cursor import Cursor
from ...events.event import Event
from ...events.job_event import BUSY
from ...events.snapshot import Snapshot
from ..lifetimes import SILENT_TTL, TOMBSTONE_TTL


class MemoryTopic:
    """The events kept, what was removed, and the snapshot; as append.lua keeps them.

    Args:
        name: the topic.

    Attributes:
        last: the id of the last event, kept or not.
        trimmed: the id of the last event removed, if any was.
        reason: why it was: ``trimmed`` or ``expired``.
    """

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self.last: Cursor | None = None
        self.trimmed: Cursor | None = None
        self.reason = "trimmed"
        self._events: list[Event] = []
        # The ids of those of them that count as unread.
        self._counted: list[Cursor] = []
        self._snapshot = Snapshot()
        self._expires: int | None = None
        self._forgotten: int | None = None

    def append(self, event: Event, kept: Retention, *, counts: bool = False) -> None:
        """Keep `event`, which may count as unread, and remove what is over `kept`."""
        assert event.id is not None, "only events with an id are stored"  # noqa: S101
        self._events.append(event)
        self.last = event.id
        if counts:
            self._counted.append(event.id)
        excess = len(self._events) - kept.max_length
        if excess > 0:
            self.trimmed = trimmed = _id(self._events[excess - 1])
            self.reason = "trimmed"
            del self._events[:excess]
            del self._counted[: bisect_right(self._counted, trimmed)]
        self._snapshot = self._snapshot.after(event, self._name)
        is_busy = any(job.status in BUSY for job in self._snapshot.states.known.values())
        silent = SILENT_TTL if is_busy else 0
        self._expires = event.id.ms + int(kept.max_age * 1000) + silent
        self._forgotten = self._expires + TOMBSTONE_TTL

    def after(self, cursor: Cursor) -> Iterator[Event]:
        """The events kept that come after `cursor`, in order."""
        start = bisect_right(self._events, cursor, key=_id)
        return iter(self._events[start:])

    def before(self, cursor: Cursor | None) -> Iterator[Event]:
        """The events kept that come before `cursor`, the newest first; None: all of them."""
        end = len(self._events) if cursor is None else bisect_left(self._events, cursor, key=_id)
        return reversed(self._events[:end])

    def counted_after(self, cursor: Cursor) -> int:
        """Events kept that come after `cursor` and count as unread."""
        return len(self._counted) - bisect_right(self._counted, cursor)

    def snapshot(self, position: Cursor) -> Snapshot:
        """The state of the topic at `position`."""
        return self._snapshot.at(position)

    def expire(self, now: int) -> bool:
        """Remove what is over its age at `now`; whether even the memory of it is."""
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self.trimmed, self.reason = self.last, "expired"
            self._events.clear()
            self._counted.clear()
            self._snapshot = Snapshot()
        return self._forgotten is not None and now >= self._forgotten


def _id(event: Event) -> Cursor:
    assert event.id is not None, "only events with an id are stored"  # noqa: S101
    return event.id
