"""What is looked after in a log by hand: what is kept of a topic, and that it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from ..events.cursor import Cursor

#: Topics that are described, or trimmed, by one script: Redis answers nobody else meanwhile.
MAX_AT_ONCE: Final = 100


class Holding(msgspec.Struct, frozen=True):
    """What a log keeps of one topic.

    Attributes:
        topic: its name.
        events: how many are kept.
        parts: parts of what is not whole yet, beside them.
        bytes: what the events take in the log's memory, about; None if it cannot be asked.
        first: the id of the first event that is kept; None if none is.
        last: the id of the last event, kept or not, or that of its deletion; None if there
            never was any, or it is forgotten.
        trimmed: the id of the last event that was removed; None if none was.
        reason: why: ``trimmed``, ``expired`` or ``deleted``; None if none was.
        busy: whether a job that is reported there is queued, running or retrying.
        expires: milliseconds since 1970 at which all of it goes, unless something is
            published to it before; None if nothing is kept.
        cursors: how many subjects have a cursor on it.
    """

    topic: str
    events: int = 0
    parts: int = 0
    bytes: int | None = None
    first: Cursor | None = None
    last: Cursor | None = None
    trimmed: Cursor | None = None
    reason: str | None = None
    busy: bool = False
    expires: int | None = None
    cursors: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of it that a deletion would remove."""
        return not (self.events or self.parts or self.cursors)


class Upkeep(Protocol):
    """What is kept, for whoever looks after a log.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def describe(self, topics: Sequence[str]) -> list[Holding]:
        """What is kept of each of `topics`, `MAX_AT_ONCE` at most, read atomically."""

    async def delete(self, topic: str, *, force: bool = False) -> Cursor | None:
        """Remove all that is kept of a topic: its events, its state, its readers' cursors.

        The deletion has an id of its own, as an event has, which is returned: whoever reads
        the topic, or comes back to it with an older cursor, is told of a `Gap` up to there,
        whose reason is ``deleted``. What is published later has ids above it. An event that
        is in other topics too stays there. None if nothing is kept of it: then nothing is
        done.

        Raises:
            TopicBusy: a job that is reported there is not over, and it is not forced.
        """

    async def trim(self, topics: Sequence[str]) -> int:
        """Keep of each of `topics`, `MAX_AT_ONCE` at most, what the rules say, from now on.

        Returns how many events were removed for being too many. What is over its age goes
        in the same moment.
        """
