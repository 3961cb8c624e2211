"""Read ids, and ranges of them, as the log stores them."""

from __future__ import annotations

from types import TracebackType
from typing import Final

import msgspec

from ...errors import LogUnavailable
from ...events.cursor import Cursor
from ..merge import Range


def cursor_of(text: bytes) -> Cursor:
    """The id that `text` is; for what the log itself wrote, so nothing is checked.

    Raises:
        ValueError: if it is no id at all.
    """
    ms, _, seq = text.partition(b"-")
    return Cursor(int(ms), int(seq))


def ranges_of(birth: bytes) -> tuple[Cursor, list[Range]]:
    """Where the log begins, and what it lost since: the key `birth` of position.lua.

    Raises:
        ValueError: if it is anything else.
    """
    begins, *lost = birth.split()
    ranges = (range_.partition(b":") for range_ in lost)
    return cursor_of(begins), [Range(cursor_of(start), cursor_of(end)) for start, _, end in ranges]


class _WhatWeStored:
    """A class, for it stands around each append and read: a generator costs two microseconds."""

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, ValueError | AttributeError | msgspec.MsgspecError):
            raise LogUnavailable(
                "Redis holds something else under one of our keys; "
                f"choose another STREAMER_PREFIX ({error})"
            ) from error


#: Read what a reply has within it; what is not ours is `LogUnavailable`, and says so.
what_we_stored: Final = _WhatWeStored()
