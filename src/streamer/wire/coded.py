"""A form in a content coding: compressed once for all who are in step, else for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .checksum import Sum
from .coding import CodedBytes, Mark
from .envelope import Envelope
from .feed_window import FeedWindow
from .form import Form, LikePlain, PerFeed, encode
from .sse import chunk
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..events.control import Control
    from ..events.event import Event
    from .coding import Coding
    from .windows import Windows


class Coded(LikePlain, PerFeed):
    """`plain` frames in `coding`; as it stands, for what one reader is written by itself.

    Args:
        plain: how events are written as frames.
        coding: what is done with them.
        windows: of the process.
        chunked: wrap each buffer as an HTTP/1.1 chunk, for writing straight to a transport.
    """

    def __init__(
        self, plain: Form, coding: Coding, windows: Windows, *, chunked: bool = False
    ) -> None:
        super().__init__(plain)
        self.plain: Final = plain
        self.coding: Final = coding
        self.windows: Final = windows
        self._chunked: Final = chunked
        self.heartbeat = self.wrap(plain.heartbeat)

    def for_feed(self) -> CodedFeed:
        """A form with a window of its own."""
        return CodedFeed(self)

    def for_waiting(self) -> Waiting:
        """A form without one."""
        return Waiting(self, self.windows.clock)

    def envelope(self) -> Envelope:
        """The state of one body."""
        return Envelope(self.coding, self.framed)

    def wrap(self, frames: bytes) -> CodedBytes:
        """`frames`, compressed by themselves."""
        mark = Mark(Sum().of_more(frames), is_open=False, at=0.0)
        return CodedBytes(self.framed(self.coding.alone(frames)), mark)

    def framed(self, data: bytes) -> bytes:
        """`data`, which is compressed, or words between; ready to be written."""
        return chunk(data) if self._chunked and data else data


class CodedFeed(FeedWindow):
    """The form of those in step on one feed; a `FeedForm`."""

    def __init__(self, form: Coded) -> None:
        super().__init__(form, form.windows, form.coding.window)
        self._form: Final = form

    def wrap(self, frames: bytes) -> CodedBytes:
        """The next batch; it is written to all of them."""
        coding = self._form.coding
        leaves = self.is_fresh and self.mark.is_open
        window = self.next_window()
        data = coding.alone(frames) if window is None else window.compress(frames)
        buffer = self._form.framed(coding.leave + data if leaves else data)
        return CodedBytes(buffer, self.moved(self.mark.sum.of_more(frames)))


def whole(form: Form, items: Sequence[Event | Control]) -> bytes:
    """A body that says `items`, and ends."""
    buffer = encode(form, items)
    envelope = form.envelope() if isinstance(form, PerFeed) else None
    return buffer if envelope is None else envelope.own(buffer) + envelope.end()
