"""Read ids as the log stores them."""

from __future__ import annotations

from ..cursor import Cursor


def cursor_of(text: bytes) -> Cursor:
    """The id that `text` is; for what the log itself wrote, so nothing is checked.

    Raises:
        ValueError: if it is no id at all.
    """
    ms, _, seq = text.partition(b"-")
    return Cursor(int(ms), int(seq))
