"""How far each subject has read each topic, and how much it has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ..events.cursor import Cursor
from ..events.reading import Reading, ReadState

#: Subjects whose cursors one topic keeps: some 15 MB in Redis.
MAX_READERS: Final = 100_000
#: Milliseconds after which a cursor that was not moved makes room for another's, and after
#: which a topic on which none was moved forgets them all: 400 days, as long as a revocation.
CURSOR_TTL: Final = 400 * 24 * 3600 * 1000
#: Characters of a subject.
MAX_SUBJECT: Final = 255
#: Cursors of one topic that are listed at once.
MAX_LISTED: Final = 1000


class ReaderCursors(Protocol):
    """The cursors of subjects, shared by all processes of a log.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def move(self, topic: str, subject: str, to: Cursor) -> tuple[ReadState, bool]:
        """Move a subject's cursor on a topic to `to`, if that is forward.

        Return how far the subject has read then, and whether it was moved: one that comes
        late, or twice, moves nothing.

        Raises:
            InvalidCursor: `to` is ahead of the log: nobody can have read that.
            TooManyReaders: `MAX_READERS` have one on this topic.
        """

    async def states(self, topics: Sequence[str], subject: str) -> Reading:
        """How far a subject has read each topic, and the log's position, read atomically.

        What is counted is what there is at the position: each event after it of a type that
        counts is one more.
        """

    async def readers(self, topic: str) -> dict[str, Cursor]:
        """The cursors on a topic, by subject: of those who moved last, `MAX_LISTED` at most."""
