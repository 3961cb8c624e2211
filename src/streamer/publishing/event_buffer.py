"""A bounded buffer of events that knows which of them can best be missed."""

from __future__ import annotations

from collections import OrderedDict, deque
from heapq import heappop, heappush
from typing import Final

from ..events.new_event import NewEvent

#: Bytes that an event takes beside its fields, about.
_EVENT_BYTES: Final = 300


class EventBuffer:
    """Events on their way to the log, oldest first; pure, and not thread-safe.

    Events are numbered from 0 in the order they came. When one more does not
    fit, these go, in this order, until it does:

    1. the oldest progress that a newer progress of the same task (same topics
       and task name) in the buffer makes superfluous;
    2. the oldest event that is not terminal (which may be the new one);
    3. the oldest terminal event.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events: Final = max_events
        self._max_bytes: Final = max_bytes
        self._events: OrderedDict[int, NewEvent] = OrderedDict()
        # Both name events that may have been taken or dropped since.
        self._ordinary: deque[int] = deque()
        self._superseded: list[int] = []
        self._newest_progress: dict[tuple[tuple[str, ...], str | None], int] = {}
        self.bytes = 0
        self.next_number = 0

    def __len__(self) -> int:
        """How many events are held."""
        return len(self._events)

    @property
    def first_number(self) -> int:
        """The number of the oldest event held; of the next one, if there is none."""
        return next(iter(self._events), self.next_number)

    def has_room_for(self, event: NewEvent) -> bool:
        """Whether `event` can be added and nothing dropped."""
        return len(self._events) < self._max_events and self.bytes + _size(event) <= self._max_bytes

    def add(self, event: NewEvent) -> int:
        """Add `event`, dropping what must be; return how many were dropped."""
        number = self.next_number
        self.next_number += 1
        self._events[number] = event
        self.bytes += _size(event)
        if not event.terminal:
            self._ordinary.append(number)
        if event.type == "progress":
            key = (event.topics, event.task)
            older = self._newest_progress.get(key)
            if older is not None:
                heappush(self._superseded, older)
            self._newest_progress[key] = number
        dropped = 0
        while len(self._events) > self._max_events or self.bytes > self._max_bytes:
            self._remove(self._least_needed())
            dropped += 1
        return dropped

    def take(self, max_events: int, max_bytes: int) -> list[NewEvent]:
        """Remove and return the oldest events: at least one, if any is held."""
        taken: list[NewEvent] = []
        size = 0
        while self._events and len(taken) < max_events:
            number, event = next(iter(self._events.items()))
            size += _size(event)
            if taken and size > max_bytes:
                break
            taken.append(event)
            self._remove(number)
        self._forget_removed()
        return taken

    def _least_needed(self) -> int:
        while self._superseded:
            number = heappop(self._superseded)
            if number in self._events:
                return number
        while self._ordinary:
            number = self._ordinary.popleft()
            if number in self._events:
                return number
        return self.first_number

    def _remove(self, number: int) -> None:
        event = self._events.pop(number)
        self.bytes -= _size(event)
        if event.type == "progress":
            key = (event.topics, event.task)
            if self._newest_progress.get(key) == number:
                del self._newest_progress[key]

    def _forget_removed(self) -> None:
        first = self.first_number
        while self._ordinary and self._ordinary[0] < first:
            self._ordinary.popleft()
        while self._superseded and self._superseded[0] < first:
            heappop(self._superseded)


def _size(event: NewEvent) -> int:
    return len(event.fields) + _EVENT_BYTES
