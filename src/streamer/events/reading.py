"""How far somebody has read some topics."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .cursor import Cursor


class ReadState(msgspec.Struct, frozen=True):
    """How far a subject has read a topic.

    Attributes:
        cursor: the last event that it has read; None if it never said.
        unread: events that the topic keeps after `cursor`, of the types that count on it
            (`config.unread`); None where no type does.
    """

    cursor: Cursor | None
    unread: int | None

    def to_fields(self) -> dict[str, str | int | None]:
        """As it is sent: the cursor as its text."""
        cursor = None if self.cursor is None else str(self.cursor)
        return {"cursor": cursor, "unread": self.unread}


class Reading(msgspec.Struct, frozen=True):
    """How far a subject has read some topics.

    Attributes:
        states: by topic.
        counted_to: the log's position up to which their unread events were counted.
    """

    states: dict[str, ReadState]
    counted_to: Cursor


class ReadEvent(msgspec.Struct, tag_field="type", tag="read", kw_only=True):
    """Somebody has read a topic up to `cursor`, on whatever device."""

    reader: Annotated[str, Meta(description="Who has read.")]
    cursor: Annotated[str, Meta(description="The id of the last event that they have read.")]
    username: Annotated[str, Meta(description="What they are called.")] | UnsetType = UNSET
