"""Frames of a WebSocket, compressed (RFC 7692): once for all who are in step, else for one.

A client has one window, into which goes what it is sent compressed. What it is sent as it is
leaves the window alone, so it may stand between what those in step are written. A compressor
that begins refers to nothing, so whoever is not in step may be given what one makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .coding import CodedBytes
from .feed_window import FeedWindow
from .form import Form, LikePlain, PerFeed
from .gzip import GZIP
from .waiting import Waiting
from .websocket import frame

if TYPE_CHECKING:
    from .coding import Window
    from .windows import Windows

#: RSV1 marks a compressed message (RFC 7692, section 6).
_COMPRESSED: Final = 0x40
#: What a flush ends with, and a compressed message leaves out (section 7.2.1).
_FLUSHED: Final = b"\x00\x00\xff\xff"
#: Of an opcode: the frame is no message, and is never compressed (RFC 6455, section 5.5).
_CONTROL: Final = 0x08
#: Bytes that are compressed by themselves, at least: fewer are a packet as they are, and
#: would take as long to compress as to send.
_WORTH: Final = 1024
#: A length that is written behind, in two bytes, or in eight (RFC 6455, section 5.2).
_MEDIUM: Final = 126


class Deflated(LikePlain, PerFeed):
    """`plain` frames, each message compressed; as it stands, for one that is not in step.

    Args:
        plain: how events are written as frames, unmasked and unfragmented.
        windows: of the process.
    """

    def __init__(self, plain: Form, windows: Windows) -> None:
        super().__init__(plain)
        self.plain: Final = plain
        self.windows: Final = windows

    @property
    def beside(self) -> Form:
        """What is not compressed may stand anywhere."""
        return self.plain

    def for_feed(self) -> DeflatedFeed:
        """A form with a window of its own."""
        return DeflatedFeed(self)

    def for_waiting(self) -> Waiting:
        """A form without one."""
        return Waiting(self, self.windows.clock)

    def wrap(self, frames: bytes) -> bytes:
        """`frames`, which refer to each other alone."""
        return frames if len(frames) < _WORTH else _compressed(frames, GZIP.passing())


class DeflatedFeed(FeedWindow):
    """The form of those in step on one feed; a `FeedForm`."""

    def __init__(self, form: Deflated) -> None:
        super().__init__(form, form.windows, GZIP.window)
        self._form: Final = form

    def wrap(self, frames: bytes) -> CodedBytes:
        """The next batch; it is written to all of them."""
        window = self.next_window()
        buffer = self._form.wrap(frames) if window is None else _compressed(frames, window)
        return CodedBytes(buffer, self.moved(self.mark.sum))


def _compressed(frames: bytes, window: Window) -> bytes:
    """The same messages, as `window` has them."""
    found = []
    at = 0
    while at < len(frames):
        first, size = frames[at], frames[at + 1]
        begin = at + 2
        if size >= _MEDIUM:
            end_of_size = begin + (2 if size == _MEDIUM else 8)
            size = int.from_bytes(frames[begin:end_of_size])
            begin = end_of_size
        end = begin + size
        if first & _CONTROL:
            found.append(frames[at:end])
        else:
            data = window.compress(frames[begin:end]).removesuffix(_FLUSHED)
            found.append(frame(first | _COMPRESSED, data))
        at = end
    return b"".join(found)
