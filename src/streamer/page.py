"""What a replay is made of: pages of events, and gaps where events were lost."""

from __future__ import annotations

import msgspec

from .cursor import Cursor
from .event import Event


class Gap(msgspec.Struct, frozen=True):
    """Events that a reader can no longer be given.

    Attributes:
        topic: whose events were lost; None if the log itself was (``reset``), or
            if several topics lost theirs.
        after: the reader's cursor: the last position it is known to have seen.
        until: the id of the last event that was lost.
        reason: ``trimmed`` (over the topic's maximum length), ``expired`` (over
            its age) or ``reset`` (the log was lost, flushed or rolled back).
    """

    topic: str | None
    after: Cursor
    until: Cursor
    reason: str


class Page(msgspec.Struct, frozen=True):
    """One page of a replay, in the order of ids.

    Attributes:
        items: events and gaps; a gap stands at its `until`.
        cursor: everything up to here is in `items`, or was never published to
            these topics. Read on from here.
        complete: there was no more when the page was read; `cursor` is then the
            log's position at that moment.
    """

    items: tuple[Event | Gap, ...]
    cursor: Cursor
    complete: bool

    def at_most(self, limit: int) -> Page:
        """This page up to its event number `limit`, so that reading on loses nothing."""
        left = limit
        for number, item in enumerate(self.items):
            left -= isinstance(item, Event)
            if left == 0 and number + 1 < len(self.items):
                cursor = item.until if isinstance(item, Gap) else item.id or self.cursor
                return Page(self.items[: number + 1], cursor, complete=False)
        return self

    def with_one_gap(self) -> Page:
        """This page up to its second gap, for an answer that has a place for one.

        Gaps that end at one id cannot be told one after the other: they become
        one, of no topic in particular.
        """
        gaps = [item for item in self.items if isinstance(item, Gap)]
        if len(gaps) < 2:  # noqa: PLR2004 - a second one
            return self
        together = [gap for gap in gaps if gap.until == gaps[0].until]
        later = next((gap for gap in gaps if gap.until != gaps[0].until), None)
        end = len(self.items) if later is None else self.items.index(later)
        told = gaps[0] if len(together) == 1 else msgspec.structs.replace(gaps[0], topic=None)
        items = tuple(
            told if item is gaps[0] else item
            for item in self.items[:end]
            if item is gaps[0] or item not in together
        )
        if later is None:
            return Page(items, self.cursor, self.complete)
        last = items[-1]
        cursor = last.until if isinstance(last, Gap) else last.id or self.cursor
        return Page(items, cursor, complete=False)

    def within(self, max_bytes: int) -> Page:
        """This page up to the event that makes it about `max_bytes` large; at least one."""
        size = count = 0
        for item in self.items:
            if isinstance(item, Event):
                count += 1
                size += len(item.fields)
                if size >= max_bytes:
                    return self.at_most(count)
        return self
