"""Read ids, and ranges of them, as the log stores them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ..cursor import Cursor
from ..errors import LogUnavailable
from .merge import Range


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


@contextmanager
def what_we_stored() -> Iterator[None]:
    """Read what a reply has; what is none of ours is `LogUnavailable`, and says so."""
    try:
        yield
    except (ValueError, AttributeError, msgspec.MsgspecError) as error:
        raise LogUnavailable(
            "Redis holds something else under one of our keys; "
            f"choose another STREAMER_PREFIX ({error})"
        ) from error
