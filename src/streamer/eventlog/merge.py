"""Merge the pages of several topics into one, in the order of ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ..events.cursor import FIRST, ORIGIN, Cursor
from ..events.event import Event
from ..events.page import Back, Gap, Page


class Range(NamedTuple):
    """What the log lost: every id after `start`, up to `end`."""

    start: Cursor
    end: Cursor


class TopicPage(msgspec.Struct, frozen=True):
    """What the log has of one topic after a cursor.

    Attributes:
        topic: its name.
        events: the first events after the cursor, in order.
        full: whether there may be more of them.
        trimmed: the id of the last event that was removed, if any was.
        reason: why it was: ``trimmed``, ``expired`` or ``deleted``.
        of_parts: whether these are its parts of what is not whole yet, beside its page.
    """

    topic: str
    events: Sequence[Event] = ()
    full: bool = False
    trimmed: Cursor | None = None
    reason: str = "trimmed"
    of_parts: bool = False


def share_of(limit: int, topics: int) -> int:
    """How many events to read of each of `topics` for a page of about `limit`.

    A reader of many topics is not given `limit` events of each at once.
    """
    return -(-limit // max(topics, 1))


def merge(
    pages: Sequence[TopicPage],
    after: Cursor,
    head: Cursor,
    birth: Cursor,
    lost: Sequence[Range] = (),
) -> Page:
    """Merge `pages`, all read after `after` at one moment of the log.

    `head` is the log's position at that moment, `birth` the position at which it
    began, and `lost` what it lost since, in order. Topics whose page was full bound
    how far the merged page reaches; what lies further is left for the next read. So
    does a range that was lost, if something kept comes before it: it is then named
    exactly, by the next page.
    """
    if after > head:
        # A cursor of a log that was rolled back, or of another: nothing is after
        # it, and what will come is after the head.
        return Page((Gap(None, after, head, "reset"),), (), head, complete=True)
    kept = {id_: event for page in pages for event in page.events if (id_ := _id(event))}
    bounds = [_id(page.events[-1]) for page in pages if page.full and page.events]
    gaps: list[Gap | None] = []
    for start, end in (Range(ORIGIN, birth), *lost):
        if end <= after:
            continue
        if gaps or any(id_ <= start for id_ in kept):
            bounds.append(start)
            break
        if after != ORIGIN:
            gaps.append(Gap(None, after, end, "reset"))
    position = min(bounds, default=head)
    events = {id_: event for id_, event in kept.items() if id_ <= position}
    if after != ORIGIN:
        for page in pages:
            if page.trimmed is not None and page.trimmed > after:
                # A loss that reaches beyond this page is reported up to the page's end
                # here, and from there in the next one.
                gap = Gap(page.topic, after, page.trimmed, page.reason)
                gaps.append(gap.up_to(position, events))
    return Page(
        tuple(gap for gap in gaps if gap is not None),
        tuple(events[id_] for id_ in sorted(events)),
        position,
        complete=not bounds,
        begins={page.topic: page.trimmed or FIRST for page in pages if not page.of_parts}
        if after <= FIRST
        else {},
    )


def _id(event: Event) -> Cursor:
    assert event.id is not None, "only events with an id are stored"  # noqa: S101
    return event.id


def merge_back(pages: Iterable[Back], limit: int) -> Back:
    """Merge what was read back of each topic: the newest `limit` of all of them."""
    pages = list(pages)
    # Of a topic that has more, nothing is known before the last that was read.
    bound = max((_id(page.events[-1]) for page in pages if page.more), default=ORIGIN)
    found = {_id(event): event for page in pages for event in page.events}
    known = [id_ for id_ in found if id_ >= bound]
    newest = sorted(known, reverse=True)[:limit]
    more = any(page.more for page in pages) or len(newest) < len(known)
    return Back([found[id_] for id_ in newest], more)
