"""One topic of the event log in memory."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from ...config.retention import Retention
from ...events.cursor import Cursor
from ...events.event import Event
from ...events.job_event import BUSY
from ...events.snapshot import Snapshot
from ..base import MAX_PARTS
from ..lifetimes import SILENT_TTL, TOMBSTONE_TTL
from ..upkeep import Holding


class MemoryTopic:
    """The events kept, what was removed, and the snapshot; as append.lua keeps them.

    Args:
        name: the topic.

    Attributes:
        last: the id of the last event, kept or not.
        trimmed: the id of the last event removed, if any was.
        reason: why it was: ``trimmed``, ``expired`` or ``deleted``.
    """

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self.last: Cursor | None = None
        self.trimmed: Cursor | None = None
        self.reason = "trimmed"
        self._events: list[Event] = []
        # Those of what is not whole yet, each with the name of that.
        self._parts: list[tuple[Event, str]] = []
        # The ids of those of them that count as unread.
        self._counted: list[Cursor] = []
        self._snapshot = Snapshot()
        self._expires: int | None = None
        self._forgotten: int | None = None

    def append(
        self,
        event: Event,
        kept: Retention,
        *,
        counts: bool = False,
        part_of: str | None = None,
        whole_of: str | None = None,
    ) -> None:
        """Keep `event`, which may count as unread, and remove what is over `kept`.

        Of what it is the `whole_of` the parts are removed; as a `part_of` a whole it is kept
        beside the events.
        """
        assert event.id is not None, "only events with an id are stored"  # noqa: S101
        self.last = event.id
        if whole_of is not None:
            self._parts = [part for part in self._parts if part[1] != whole_of]
        if part_of is not None and len(self._parts) < MAX_PARTS:
            self._parts.append((event, part_of))
        else:
            self._events.append(event)
            if counts:
                self._counted.append(event.id)
        self._snapshot = self._snapshot.after(event, self._name)
        self.trim(kept)

    def trim(self, kept: Retention) -> int:
        """Remove what is over `kept`, which holds from now on; return how many for their number."""
        if self.last is None or (self._expires is None and not self._events and not self._parts):
            return 0
        excess = len(self._events) - kept.max_length
        if excess > 0:
            self.trimmed = trimmed = _id(self._events[excess - 1])
            self.reason = "trimmed"
            del self._events[:excess]
            del self._counted[: bisect_right(self._counted, trimmed)]
        silent = SILENT_TTL if self._is_busy else 0
        self._expires = self.last.ms + int(kept.max_age * 1000) + silent
        self._forgotten = self._expires + TOMBSTONE_TTL
        return max(0, excess)

    def delete(self, id_: Cursor) -> None:
        """Remove all of it; `id_` is that of the deletion."""
        self.last, self.trimmed, self.reason = id_, id_, "deleted"
        self._empty()
        self._expires, self._forgotten = None, id_.ms + TOMBSTONE_TTL

    def holding(self, cursors: int) -> Holding:
        """What is kept, while so many subjects have a cursor on it."""
        first = _id(self._events[0]) if self._events else None
        return Holding(
            self._name,
            events=len(self._events),
            parts=len(self._parts),
            bytes=sum(len(event.entry()) for event in self._events),
            first=first,
            last=self.last,
            trimmed=self.trimmed,
            reason=None if self.trimmed is None else self.reason,
            busy=self._is_busy,
            expires=self._expires,
            cursors=cursors,
        )

    @property
    def _is_busy(self) -> bool:
        return any(job.status in BUSY for job in self._snapshot.states.known.values())

    def remove(self, id_: Cursor) -> None:
        """Remove an event in favour of a later one, which does not count as unread."""
        index = bisect_left(self._events, id_, key=_id)
        if index < len(self._events) and self._events[index].id == id_:
            del self._events[index]

    def after(self, cursor: Cursor) -> Iterator[Event]:
        """The events kept that come after `cursor`, in order."""
        start = bisect_right(self._events, cursor, key=_id)
        events = iter(self._events[start:])
        if not self._parts:
            return events
        parts = [event for event, _ in self._parts if _id(event) > cursor]
        return heapq.merge(events, parts, key=_id)

    def before(self, cursor: Cursor | None) -> Iterator[Event]:
        """The events kept before `cursor`, the newest first, without parts; None: all of them."""
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
            self._empty()
        return self._forgotten is not None and now >= self._forgotten

    def _empty(self) -> None:
        self._events.clear()
        self._parts.clear()
        self._counted.clear()
        self._snapshot = Snapshot()


def _id(event: Event) -> Cursor:
    assert event.id is not None, "only events with an id are stored"  # noqa: S101
    return event.id
