"""What a replay is made of: pages of events, and gaps where events were lost."""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec

from .cursor import Cursor
from .event import Event


class Back(msgspec.Struct, frozen=True):
    """Events before one, as somebody looks back at them.

    Attributes:
        events: the newest first.
        more: whether there are any before the last of these.
    """

    events: list[Event]
    more: bool


class Gap(msgspec.Struct, frozen=True):
    """Events that a reader can no longer be given.

    Attributes:
        topic: whose events were lost; None if the log itself was (``reset``), or
            if several topics lost theirs.
        after: the reader's cursor: the last position it is known to have seen.
        until: the id of the last event that was lost.
        reason: ``trimmed`` (over the topic's maximum length), ``expired`` (over
            its age), ``deleted`` (the topic was, and `until` is the id of that) or
            ``reset`` (the log was lost, flushed or rolled back).
    """

    topic: str | None
    after: Cursor
    until: Cursor
    reason: str

    def up_to(self, position: Cursor, kept: Container[Cursor | None]) -> Gap | None:
        """The part of it up to `position`; None if there is none.

        It does not end with an event that is `kept` by another topic: that one is
        not lost. Whether one before it is cannot be known, for the log remembers
        only the last that it removed of a topic.
        """
        until = min(self.until, position)
        while until in kept:
            until = until.before()
        return msgspec.structs.replace(self, until=until) if until > self.after else None


class Page(msgspec.Struct, frozen=True):
    """One page of a replay: what was lost, then what is kept.

    The gaps come first. Whoever was given the first event of a page has then been
    informed of everything that was lost up to its end, wherever its connection breaks.

    Attributes:
        gaps: what was lost between the cursor that was read after and `cursor`;
            one for each topic that lost something.
        events: what is kept, in the order of ids.
        cursor: everything up to here is in `events` or `gaps`, or was never
            published to these topics. Read on from here.
        complete: there was no more when the page was read; `cursor` is then the
            log's position at that moment.
        begins: of a page from the first that is kept on: what is kept of each topic
            begins after this position. To whom it is the first, nothing before is a gap.
    """

    gaps: tuple[Gap, ...]
    events: tuple[Event, ...]
    cursor: Cursor
    complete: bool
    begins: Mapping[str, Cursor] = {}

    def behind_gaps(self, after: Cursor) -> Cursor:
        """Where a reader that stood at `after` stands once it has the gaps, and no event yet.

        That is behind the gaps, of which there is one, unless one reaches beyond an
        event that is still to come: then it stands where it stood, and the gap is reported again
        if it comes back.
        """
        until = max(gap.until for gap in self.gaps)
        first = self.events[0].id if self.events else None
        return until if first is None or until < first else after

    @property
    def gap(self) -> Gap | None:
        """The gaps as one, for an answer that has a place for one."""
        if len(self.gaps) < 2:  # noqa: PLR2004 - several
            return self.gaps[0] if self.gaps else None
        until = max(gap.until for gap in self.gaps)
        return msgspec.structs.replace(self.gaps[0], topic=None, until=until)

    def at_most(self, limit: int) -> Page:
        """This page up to its event number `limit`, so that reading on loses nothing."""
        if len(self.events) <= limit:
            return self
        events = self.events[:limit]
        cursor = events[-1].id or self.cursor
        kept = {event.id for event in events}
        parts = [gap.up_to(cursor, kept) for gap in self.gaps]
        gaps = tuple(part for part in parts if part is not None)
        return msgspec.structs.replace(
            self, gaps=gaps, events=events, cursor=cursor, complete=False
        )

    def within(self, max_bytes: int) -> Page:
        """This page up to the event that makes it about `max_bytes` large; at least one."""
        size = 0
        for count, event in enumerate(self.events, start=1):
            size += len(event.fields)
            if size >= max_bytes:
                return self.at_most(count)
        return self
