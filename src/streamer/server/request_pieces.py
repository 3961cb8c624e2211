"""Cuts what a client sends into pieces that end wherever a request may end (RFC 9112)."""

from __future__ import annotations

from typing import Final

#: What ends a head, and a chunked body with its trailers.
_END: Final = b"\r\n\r\n"
#: Bytes of a body in one piece, at most.
_PIECE: Final = 64 * 1024
#: The same of a body in chunks.
_CHUNKED_PIECE: Final = 4 * 1024


class RequestPieces:
    """Where each piece of one connection's requests ends.

    A parser that is fed piece by piece is between two requests after the last
    piece of each, so that the next one can wait outside of it. Nothing is kept
    here but three bytes: an end may come in two reads.

    Args:
        most: bytes of a head, and of the trailers of a body, that are allowed.

    Attributes:
        in_head: whether a head, or nothing at all, is being read.
        body_begun: whether a part of the body has come.
    """

    __slots__ = ("_count", "_left", "_most", "_tail", "body_begun", "in_head")

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = 0
        self._count = 0
        self._tail = b""
        self.in_head = True
        self.body_begun = False

    @property
    def begun(self) -> bool:
        """Whether there is a part of a request."""
        return not self.in_head or self._count > 0

    def end(self, data: bytes, start: int) -> int:
        """Where the piece of `data` that begins at `start` ends; `start` if it is too much.

        Too much is a head, or what is neither chunk nor head, of over `most` bytes.
        """
        if self._left:
            size = min(self._left, len(data) - start, _PIECE)
            self._left -= size
            return start + size
        if self.in_head and not self._count:
            at = data.find(_END, start, start + self._most)
            if at >= 0:  # a whole head: most come so
                self._count = at + len(_END) - start
                return at + len(_END)
        most = self._most - self._count
        if not self.in_head:
            # What is no chunk is counted only to the last piece that has a part of one.
            most = min(most, _CHUNKED_PIECE)
        end = self._marked(data, start, min(len(data), start + most))
        self._count += end - start
        self._tail = (self._tail + data[max(start, end - 3) : end])[-3:]
        return end

    def _marked(self, data: bytes, start: int, stop: int) -> int:
        if self._tail:
            at = (self._tail + data[start : start + 3]).find(_END)
            if at >= 0:
                return min(stop, start + at + len(_END) - len(self._tail))
        at = data.find(_END, start, stop)
        return stop if at < 0 else at + len(_END)

    def head_read(self, headers: list[tuple[bytes, bytes]]) -> None:
        """The head is whole: a body follows as its `headers`, in lower case, say."""
        self.in_head = False
        self._count = 0
        self._tail = b""
        # With both, the length does not count (RFC 9112, section 6.3); no digits
        # are never let through by the parser.
        names = dict(headers)
        if b"transfer-encoding" not in names:
            self._left = int(names.get(b"content-length", b"0"))

    def body_read(self) -> None:
        """Some of the body was in the last piece."""
        self.body_begun = True
        self._count = 0

    def message_read(self) -> None:
        """The request is whole: the next begins."""
        self.in_head = True
        self.body_begun = False
        self._left = 0
        self._count = 0
        self._tail = b""
