"""What was said in a conversation, the newest first, in bounded pages."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..eventlog.base import EventLog
from ..events.answer import WHOLES
from ..events.cursor import Cursor
from ..events.event import Event
from .said import MESSAGE, REACTION

#: What is listed, with answers that are over, whole or not, and the segments before the last
#: of those that are long. The rest is of the moment: who came, who left, who has read how far.
LISTED: Final = WHOLES | {MESSAGE, REACTION}
#: Events in one list, at most.
MAX_LISTED: Final = 200
#: Pages of the log that are looked through for one list.
_PAGES: Final = 10
#: Events of one page, at least: a list of one message must get past those who came and left.
_PAGE: Final = 100


class Listed(NamedTuple):
    """A list of what was said.

    Attributes:
        events: the newest first; there may be none though there is more.
        next: before which event the rest is; None if there is none.
    """

    events: list[Event]
    next: Cursor | None


async def listed(log: EventLog, topic: str, before: Cursor | None, limit: int) -> Listed:
    """Up to `limit` events of a conversation before one (None: the newest of all).

    The lists that follow one another by `next` have each event once, whatever is said
    meanwhile.

    Raises:
        LogUnavailable: the log is away.
    """
    found: list[Event] = []
    place = before
    for _ in range(_PAGES):
        page = await log.read_back((topic,), place, max(_PAGE, limit))
        for event in page.events:
            if event.type in LISTED:
                if len(found) == limit:
                    return Listed(found, found[-1].id)
                found.append(event)
            place = event.id
        if not page.more:
            return Listed(found, None)
    return Listed(found, place)
