"""What a content coding is here: one compression that many readers share.

What is compressed refers back to the bytes before it, within a *window*. A decompressor has
those that it was given itself. So a reader is given what a shared compressor makes from the
moment at which that one has begun a new window, and for as long as it is given nothing else;
everything else it is given is compressed by itself, and refers to nothing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

from .checksum import Sum


class Mark(NamedTuple):
    """Where the batches of a feed's form leave whoever is in step.

    Attributes:
        sum: of all that they said.
        is_open: whether a window is open.
        at: when the last one was, in seconds of a clock that does not go back.
    """

    sum: Sum
    is_open: bool
    at: float


class CodedBytes(bytes):
    """A buffer, and where it leaves whoever is written it.

    Attributes:
        mark: the sum is that of what this buffer says; that of all that its feed has said up
            to here, where it is a feed's.
    """

    mark: Mark

    def __new__(cls, data: bytes, mark: Mark) -> Self:  # noqa: D102 - as of bytes
        buffer = super().__new__(cls, data)
        buffer.mark = mark
        return buffer


class Window(Protocol):
    """A compressor that begins anew."""

    def compress(self, data: bytes) -> bytes:
        """`data`, which refers to what was compressed before; to be read at once."""


class Coding(Protocol):
    """A content coding (RFC 9110, section 8.4.1).

    Attributes:
        name: as in ``Content-Encoding``.
        head: what every body begins with.
        enter: brings whoever is outside of windows into one of which it has seen nothing.
        leave: brings whoever is in a window out of it.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def head(self) -> bytes:
        """See above."""

    @property
    def enter(self) -> bytes:
        """See above."""

    @property
    def leave(self) -> bytes:
        """See above."""

    def window(self) -> Window:
        """A compressor for many readers; what it makes first begins a window."""

    def alone(self, data: bytes) -> bytes:
        """`data`, for one that is outside of windows, and stays there."""

    def end(self, plain: Sum) -> bytes:
        """What every body ends with, outside of windows; `plain` is all that it said."""
