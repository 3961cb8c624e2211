"""One topic of the event log in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from ..cursor import Cursor
from ..event import Event
from ..new_event import NewEvent
from ..retention import Retention
from ..snapshot import MAX_TASKS, Snapshot
from .append import SILENT_TTL, TOMBSTONE_TTL

_BUSY: Final = frozenset({b'"queued"', b'"running"', b'"retrying"'})


class MemoryTopic:
    """The events kept, what was removed, and the snapshot; as append.lua keeps them.

    Args:
        of_job: it is a job's own topic: what an earlier attempt tells once a
            later one has begun does not change the snapshot.

    Attributes:
        last: the id of the last event, kept or not.
        trimmed: the id of the last event removed, if any was.
        reason: why it was: ``trimmed`` or ``expired``.
    """

    def __init__(self, *, of_job: bool = False) -> None:
        self._of_job: Final = of_job
        self.last: Cursor | None = None
        self.trimmed: Cursor | None = None
        self.reason = "trimmed"
        self._events: list[Event] = []
        self._fields: dict[str, bytes] = {}
        self._terminal: Cursor | None = None
        self._tasks: dict[str, Event] = {}
        self._expires: int | None = None
        self._forgotten: int | None = None

    def append(self, event: Event, new: NewEvent, kept: Retention) -> None:
        """Keep `event`, made of `new`, and remove what is over `kept`."""
        assert event.id is not None, "only events with an id are stored"  # noqa: S101
        self._events.append(event)
        self.last = event.id
        excess = len(self._events) - kept.max_length
        if excess > 0:
            self.trimmed = self._events[excess - 1].id
            self.reason = "trimmed"
            del self._events[:excess]
        self._fold(event, new)
        silent = SILENT_TTL if self._fields.get("status") in _BUSY else 0
        self._expires = event.id.ms + int(kept.max_age * 1000) + silent
        self._forgotten = self._expires + TOMBSTONE_TTL

    def after(self, cursor: Cursor) -> Iterator[Event]:
        """The events kept that come after `cursor`, in order."""
        start = bisect_right(self._events, cursor, key=_id)
        return iter(self._events[start:])

    def snapshot(self, position: Cursor) -> Snapshot:
        """The state of the topic at `position`."""
        tasks = {task: event.body for task, event in self._tasks.items()}
        return Snapshot.from_stored(position, self._fields, self._terminal, tasks)

    def expire(self, now: int) -> bool:
        """Remove what is over its age at `now`; whether even the memory of it is."""
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self.trimmed, self.reason = self.last, "expired"
            self._events.clear()
            self._fields.clear()
            self._tasks.clear()
            self._terminal = None
        return self._forgotten is not None and now >= self._forgotten

    def _fold(self, event: Event, new: NewEvent) -> None:
        if self._of_job and not new.terminal and self._is_stale(new):
            return
        for name, value in new.changes.items():
            if value == b"null":
                self._fields.pop(name, None)
            else:
                self._fields[name] = value
        if new.terminal or new.changes:
            self._terminal = event.id if new.terminal else None
        if new.task is not None:
            self._tasks.pop(new.task, None)
            self._tasks[new.task] = event
            for task in list(self._tasks)[:-MAX_TASKS]:
                del self._tasks[task]

    def _is_stale(self, new: NewEvent) -> bool:
        told, known = new.changes.get("attempt", b"null"), self._fields.get("attempt")
        return known is not None and told != b"null" and int(told) < int(known)


def _id(event: Event) -> Cursor:
    assert event.id is not None, "only events with an id are stored"  # noqa: S101
    return event.id
