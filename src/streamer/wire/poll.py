"""The answer to a poll: a page of bodies as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence

from ..control import Control
from ..cursor import Cursor
from ..event import Event


def answer(items: Sequence[Event | Control], cursor: Cursor) -> bytes:
    """``{"events": [body, ...], "cursor": "...", "gap": null}``, bodies as they are.

    ``gap`` is the gap among `items`, of which there is one at most, with the fields
    of the control event.
    """
    bodies = b",".join([item.body for item in items if isinstance(item, Event)])
    gaps = [item for item in items if isinstance(item, Control) and item.type == "gap"]
    gap = gaps[0].body() if gaps else b"null"
    return b'{"events":[%b],"cursor":"%b","gap":%b}' % (bodies, str(cursor).encode(), gap)
