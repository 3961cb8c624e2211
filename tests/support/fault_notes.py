"""What a reader of the fault suite notes."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamer.events.cursor import Cursor


class Seen(NamedTuple):
    """One durable event, as it was read."""

    id: Cursor
    body: dict[str, Any]


class Gap(NamedTuple):
    """A range that a reader was told is lost."""

    after: Cursor
    until: Cursor
    reason: str


class View(NamedTuple):
    """What one reader saw of one topic.

    Attributes:
        name: of what kind the reader is.
        start: what comes after is owed to it.
        several: whether it reads other topics beside this one.
    """

    name: str
    start: Cursor
    seen: list[Seen]
    gaps: list[Gap]
    several: bool
