"""How much of a topic is unread, counted on from what the log has counted; pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from .event import ConnectedEvent, Event, GapEvent

_ID: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,20})", re.ASCII)


class Rule(msgspec.Struct, frozen=True):
    """Which types of events count: these alone, or all but those."""

    only: tuple[str, ...] | None = None
    all_but: tuple[str, ...] | None = None

    def counts(self, event_type: str) -> bool:
        """Whether an event of this type counts."""
        if self.all_but is not None:
            return event_type not in self.all_but
        return event_type in (self.only or ())


class Counted(msgspec.Struct, frozen=True):
    """What the log has counted, as the server answers it.

    Attributes:
        reader: whose it is.
        cursor: the last event that they have read; None if they never said.
        unread: events after it that count; None where none do.
        counted_to: the position up to which was counted.
        counted: which types count; None where none do.
    """

    reader: str
    cursor: str | None
    unread: int | None
    counted_to: str
    counted: Rule | None


class Unread:
    """One reader's unread events of one topic.

    It does no I/O. A shell hands in what the log has `counted` and each event with `take`,
    and asks the log again when it `is_stale`.
    """

    def __init__(self) -> None:
        self._last: Counted | None = None
        #: Whether the number is not the log's any more.
        self.is_stale = True

    @property
    def number(self) -> int | None:
        """How many; None where that is not known, and where none count."""
        return None if self._last is None or self.is_stale else self._last.unread

    @property
    def cursor(self) -> str | None:
        """The last event that was read, as far as is known."""
        return None if self._last is None else self._last.cursor

    @property
    def counted_to(self) -> str | None:
        """The position up to which was counted."""
        return None if self._last is None else self._last.counted_to

    @property
    def reader(self) -> str | None:
        """Whose it is, as the server knows them."""
        return None if self._last is None else self._last.reader

    def counted(self, answer: Counted) -> None:
        """The log has counted."""
        self._last = answer
        self.is_stale = False

    def take(self, event: Event) -> None:
        """Count one event of the stream, or see that the log must."""
        if isinstance(event, ConnectedEvent | GapEvent):
            # What others have read is told to those alone who are connected.
            self.is_stale = True
        elif (last := self._last) is None:
            return
        elif event.type == "read" and event.fields.get("reader") == last.reader:
            self.marked(str(event.fields.get("cursor")))
        elif event.id is not None and _is_after(event.id, last.counted_to):
            counts = last.counted is not None and last.counted.counts(event.type)
            unread = None if last.unread is None else last.unread + counts
            self._last = msgspec.structs.replace(last, unread=unread, counted_to=event.id)

    def marked(self, to: str) -> None:
        """All up to `to` was read, here or on another device."""
        last = self._last
        if last is None or (last.cursor is not None and not _is_after(to, last.cursor)):
            return
        if _is_after(last.counted_to, to):
            # How many are between, nobody here knows.
            self._last = msgspec.structs.replace(last, cursor=to)
            self.is_stale = True
            return
        unread = None if last.unread is None else 0
        self._last = msgspec.structs.replace(last, cursor=to, unread=unread, counted_to=to)


def _is_after(event_id: str, other: str) -> bool:
    return _position(event_id) > _position(other)


def _position(event_id: str) -> tuple[int, int]:
    match = _ID.fullmatch(event_id)
    return (0, 0) if match is None else (int(match[1]), int(match[2]))
