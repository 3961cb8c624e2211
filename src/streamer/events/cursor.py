"""Event ids: positions in the log, strictly increasing over all topics."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from ..errors import InvalidCursor

# ASCII digits only: \d would let other scripts' digits through to Redis.
_SHAPE: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,20})")

#: The largest sequence a Redis stream id can hold.
_MAX_SEQUENCE: Final = 2**64 - 1
#: 9999-12-31T23:59:59.999Z, the last moment a timestamp can say; milliseconds.
_MAX_MILLISECONDS: Final = 253_402_300_799_999
#: Characters of bad input that an error shows.
_SHOWN: Final = 64


class Cursor(NamedTuple):
    """A position in the log: "everything up to here is seen".

    The id of an event is the cursor of a reader that has just seen it. Cursors
    compare in the order in which the log handed them out.

    ``ms`` is milliseconds since 1970 by the log's clock, ``seq`` counts the
    events of one millisecond.
    """

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read ``<milliseconds>-<sequence>``, the shape of a Redis stream id.

        Raises:
            InvalidCursor: if `text` has any other shape.
        """
        match = _SHAPE.fullmatch(text)
        if match is not None:
            cursor = cls(int(match[1]), int(match[2]))
            if cursor.ms <= _MAX_MILLISECONDS and cursor.seq <= _MAX_SEQUENCE:
                return cursor
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
        raise InvalidCursor(
            f"{shown!r} is not an event id; it must be <milliseconds>-<sequence>, "
            "as in 1738483210123-0, exactly as the server sent it"
        )

    def __str__(self) -> str:
        """The id as it goes over the wire."""
        return f"{self.ms}-{self.seq}"

    def before(self) -> Cursor:
        """The last position before this one, which is not the first of all."""
        if self.seq > 0:
            return Cursor(self.ms, self.seq - 1)
        return Cursor(self.ms - 1, _MAX_SEQUENCE)

    def next(self) -> Cursor:
        """The first position after this one."""
        return Cursor(self.ms, self.seq + 1)

    def timestamp(self) -> str:
        """The id's own time: RFC 3339, UTC, milliseconds."""
        return timestamp_of(self.ms)


def timestamp_of(milliseconds: int) -> str:
    """Milliseconds since 1970 in RFC 3339, UTC; the last moment that it can say at most."""
    within = min(milliseconds, _MAX_MILLISECONDS)
    return f"{_second(within // 1000)}.{within % 1000:03d}Z"


@lru_cache(maxsize=4)  # many events share a second, few seconds are current
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


#: Older than every event: "from the first that is kept".
ORIGIN: Final = Cursor(0, 0)
#: Older than every event too, and a position like any other: what is gone since is a gap.
FIRST: Final = Cursor(0, 1)
