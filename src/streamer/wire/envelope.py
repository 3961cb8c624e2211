"""The state of one body in a content coding: what it has said, and whether it is in a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .checksum import Sum

if TYPE_CHECKING:
    from .coding import Coding, Mark


class Envelope:
    """What stands around and between the buffers of one reader.

    Args:
        coding: of all of it.
        framed: makes words of the coding ready to be written.
    """

    __slots__ = ("_coding", "_framed", "_has_begun", "_is_open", "_joined", "_sum")

    def __init__(self, coding: Coding, framed: Callable[[bytes], bytes]) -> None:
        self._coding: Final = coding
        self._framed: Final = framed
        self._has_begun = False
        self._is_open = False
        self._sum = Sum()  # of what it has said, but what it is said in step
        self._joined: Mark | None = None  # where it came in step, if it is

    def own(self, buffer: bytes) -> bytes:
        """`buffer`, of the plain form, as it stands in this body; not in step."""
        self._sum = self._sum.then(buffer.mark.sum)  # type: ignore[attr-defined]
        return self._step(is_open=False) + buffer

    def joined(self, mark: Mark) -> bytes:
        """It is in step from now on, with those who stand at `mark`; what it is written first."""
        self._joined = mark
        return self._step(is_open=mark.is_open)

    def parted(self, mark: Mark) -> None:
        """It is in step no longer; the others stand at `mark`."""
        joined, self._joined = self._joined, None
        if joined is not None and mark is not joined:
            self._sum = self._sum.then(mark.sum.since(joined.sum))
            self._is_open = mark.is_open

    def end(self) -> bytes:
        """What ends the body; not in step."""
        return self._step(is_open=False) + self._framed(self._coding.end(self._sum))

    def _step(self, *, is_open: bool) -> bytes:
        """The words after which a window is open, or none is."""
        coding = self._coding
        words = b"" if self._has_begun else coding.head
        if is_open is not self._is_open:
            words += coding.enter if is_open else coding.leave
        self._has_begun, self._is_open = True, is_open
        return self._framed(words)
