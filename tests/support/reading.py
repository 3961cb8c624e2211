"""Reading an event log from a cursor to its end."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.eventlog.base import EventLog
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.page import Gap, Page


async def read_all(
    log: EventLog, topics: Sequence[str], after: Cursor, limit: int = 1000
) -> list[Event | Gap]:
    """Every item after `after`, page by page of about `limit` events."""
    items: list[Event | Gap] = []
    complete = False
    while not complete:
        page = await log.read(topics, after, limit)
        items += items_of(page)
        after, complete = page.cursor, page.complete
    return items


def items_of(page: Page) -> list[Event | Gap]:
    """What a page says, in the order in which a reader is told."""
    return [*page.gaps, *page.events]


def position_of(item: Event | Gap) -> Cursor:
    """Where an item stands: a reader's cursor once it was sent."""
    position = item.until if isinstance(item, Gap) else item.id
    assert position is not None
    return position


def ids_of(items: Sequence[Event | Gap]) -> list[Cursor]:
    """The ids of the events among `items`."""
    return [position_of(item) for item in items if isinstance(item, Event)]


def gaps_of(items: Sequence[Event | Gap]) -> list[Gap]:
    """The gaps among `items`."""
    return [item for item in items if isinstance(item, Gap)]
