"""The answer to a poll: a page of bodies as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence

from ..events.control import Control
from ..events.cursor import Cursor
from ..events.event import Event


def answer(events: Sequence[Event], cursor: Cursor, gap: Control | None) -> bytes:
    """``{"events": [body, ...], "cursor": "...", "gap": null}``, bodies as they are.

    ``gap`` has the fields of the control event.
    """
    bodies = b",".join([event.body for event in events])
    lost = b"null" if gap is None else gap.body()
    return b'{"events":[%b],"cursor":"%b","gap":%b}' % (bodies, str(cursor).encode(), lost)
