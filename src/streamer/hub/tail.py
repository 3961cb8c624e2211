"""The tail: the newest events of a feed, kept in the process, bounded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from ..events.cursor import Cursor
from ..events.event import Event, Run

#: Evicted places at the front of the lists before they are moved up; many, so
#: that eviction costs nothing per event.
_SLACK = 512


class Tail:
    """A ring of events in the order of ids, complete between two positions.

    Everything after `floor` and up to `head` is here. The newest event is kept
    whatever its size.

    Args:
        position: the head, to begin with.
        floor: the floor, if it is not there: nothing up to it is ever kept.
        max_events: events kept at most.
        max_bytes: their size at most.
    """

    __slots__ = (
        "_events",
        "_ids",
        "_last_run",
        "_max_bytes",
        "_max_events",
        "_size",
        "_start",
        "floor",
        "head",
    )

    def __init__(
        self, position: Cursor, *, floor: Cursor | None = None, max_events: int, max_bytes: int
    ) -> None:
        self.floor = position if floor is None else floor
        self.head = position
        self._events: list[Event] = []
        self._ids: list[Cursor] = []
        self._start = 0
        self._size = 0
        # Those who were cut together come back together, and from one place.
        self._last_run = _NO_RUN
        self._max_events = max_events
        self._max_bytes = max_bytes

    def __len__(self) -> int:
        """Events kept."""
        return len(self._events) - self._start

    def append(self, event: Event) -> bool:
        """Take a notified event; False if it is not news (a repeat, or replayed)."""
        if event.id is None or event.id <= self.head:
            return False
        self.head = event.end
        self._last_run = _NO_RUN
        if event.id > self.floor:
            self._ids.append(event.id)
            self._events.append(event)
            self._size += event.size
            self._evict()
        return True

    def extend_back(self, events: Sequence[Event], floor: Cursor, until: Cursor) -> None:
        """Take older events, if they fit; some may be here already.

        They are all that the log has after `floor` and up to `until`. If it lacks what is here,
        that was a part of what is whole now, and the parts before it are gone as well: then
        none are taken, for whoever is given a part was given all before it.
        """
        known = bisect_right(self._ids, until, lo=self._start) - self._start
        if known != sum(1 for e in events if e.id and self.floor < e.id <= self.head):
            return
        older = [event for event in events if event.id and floor < event.id <= self.floor]
        size = sum(event.size for event in older)
        fits = len(self) + len(older) <= self._max_events and self._size + size <= self._max_bytes
        if floor >= self.floor or not fits:
            return
        self._events[: self._start] = older
        self._ids[: self._start] = [event.id for event in older if event.id is not None]
        self._start = 0
        self._size += size
        self.floor = floor

    def place_of(self, cursor: Cursor) -> int:
        """How many of its events are not after `cursor`, which is not before the floor."""
        return bisect_right(self._ids, cursor, lo=self._start) - self._start

    def after(self, cursor: Cursor, max_bytes: int) -> Run:
        """Events after `cursor`: at least one if there is any, about `max_bytes` at most.

        `cursor` must not be before the floor. Whoever asks after the same cursor as
        the last, with nothing new since, is given the same run.
        """
        if cursor >= self.head:
            return _NOTHING  # as for all who have been given the rest: not to be remembered
        asked, run = self._last_run
        if asked != (cursor, max_bytes):
            run = Run(self._after(cursor, max_bytes))
            self._last_run = (cursor, max_bytes), run
        return run

    def _after(self, cursor: Cursor, max_bytes: int) -> list[Event]:
        first = bisect_right(self._ids, cursor, lo=self._start)
        size = 0
        for last in range(first, len(self._events)):
            size += len(self._events[last].fields)
            if size >= max_bytes:
                return self._events[first : last + 1]
        return self._events[first:]

    def _evict(self) -> None:
        while len(self) > 1 and (len(self) > self._max_events or self._size > self._max_bytes):
            event = self._events[self._start]
            self._size -= event.size
            self.floor = self._ids[self._start]
            # Drop the event now; its place is taken away later, with others.
            self._events[self._start] = _EVICTED
            self._start += 1
        if self._start > _SLACK:
            del self._events[: self._start]
            del self._ids[: self._start]
            self._start = 0


_EVICTED = Event(None, "evicted", ("evicted",), b"{}")
_NOTHING: Final = Run()
_NO_RUN: Final[tuple[tuple[Cursor, int] | None, Run]] = (None, _NOTHING)
