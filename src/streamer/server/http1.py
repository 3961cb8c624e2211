"""The fast path over HTTP/1.1: uvicorn's protocol class, offering a `Writer` to the app.

Everything private of uvicorn that Streamer relies on is touched in this file, in
`request_protocol.py` and in `websocket.py`; `tests/server/test_protocols.py` says
which attributes those are.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from ..hub.writer import EXTENSION
from ..wire.sse import LAST_CHUNK
from .prompt import HEADERS_END, OK, answer_begins
from .request_protocol import RequestProtocol
from .transport_writer import TransportWriter

if TYPE_CHECKING:
    from ..wire.form import Form

#: The last field of the head of a stream, as uvicorn writes it.
_CHUNKS: Final = b"transfer-encoding: chunked\r\n" + HEADERS_END


class _Head:
    """Stands in for the transport while uvicorn writes the head of a stream.

    The head goes out with the first events: one packet, and one call of the system
    for each reader that comes.

    Attributes:
        is_direct: whether the app's own task wrote the head. If not, middleware runs the
            app beside itself, and takes what it sends as a body to pass on.
    """

    __slots__ = ("_task", "_transport", "is_direct", "text")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._task = asyncio.current_task()
        self.text = b""
        self.is_direct = False

    def write(self, data: bytes) -> None:
        """Keep what is a head, or an answer that says why there is none."""
        self.text += data
        self.is_direct = asyncio.current_task() is self._task

    def close(self) -> None:
        """It came to no stream: send what uvicorn wrote instead, and end."""
        try:
            self._transport.write(self.text)
        finally:
            self._transport.close()


class FastHttp(TransportWriter, RequestProtocol):
    """HTTP/1.1 whose responses may become streams of shared, pre-chunked buffers.

    The app calls `open`, sends ``http.response.start`` as ever (so that
    middleware and the access log see it), calls `start` and returns: from then
    on there is no task, no scope and no coroutine for the stream, only this
    object. uvicorn still counts it among its connections. Where the app is asked
    without a task (`prompt`), it calls `begin` instead of both.
    """

    __slots__ = (
        *("_chunked", "_ended", "_held", "_keep_alive"),
        *("form", "full", "lost", "taker"),
    )

    #: Buffers that wait for the head to be sent; None when none have to.
    _held: list[bytes] | None
    _chunked: bool
    _keep_alive: bool
    _ended: bool

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Have no reader yet."""
        self._held = self.taker = None
        self.full = self.lost = self._ended = False
        super().connection_made(transport)

    # What the app calls

    def open(self, form: Form, high_water: int) -> FastHttp:
        """Become a writer of `form`; buffers are held until the head is sent."""
        self.form = form
        self.limit(high_water)
        self._held = []
        self._ended = False
        return self

    def frame(self) -> None:
        """The head is about to be written: an HTTP/1.0 client knows no chunks.

        The connection's end is the stream's then. uvicorn would announce chunks, did
        it not believe that the app does.
        """
        self._chunked = self.cycle.scope["http_version"] == "1.1"
        if not self._chunked:
            self.cycle.chunked_encoding = True
        self.cycle.transport = _Head(self.transport)  # type: ignore[assignment]

    def start(self) -> bool:
        """Write the head and what was held, and from now on write through."""
        head = cast("_Head", self.cycle.transport)
        self.cycle.transport = self.transport  # which it closes if this fails
        if not (head.is_direct or self.lost):
            self._give_back(head.text)
            return False
        self._begin_with(head.text)
        if self.taker is not None:
            self.taker.requeued()
        return True

    def begin(self, fields: bytes) -> None:
        """Write a head of 200 with these lines, and what was held, without a task.

        The reader has come in this very turn, so that nobody has asked yet how to write to it.
        """
        self._chunked = True
        self._begin_with(
            b"".join((*answer_begins(OK, self.server_state.default_headers), fields, _CHUNKS))
        )

    def _begin_with(self, head: bytes) -> None:
        # To uvicorn this response is over; its cycle can neither write nor end it.
        self.cycle.response_complete = True
        self._keep_alive = self.cycle.keep_alive
        self._streaming = True
        held, self._held = self._held, None
        self.write(b"".join((head, *(held or ()))))
        self._let_go()
        if self._ended:
            self.close(1000, "ended")
        elif self.leaving:
            self.tell_retired()

    def _give_back(self, head: bytes) -> None:
        """Let uvicorn write this answer, of which it may have written the head."""
        if head:
            self.transport.write(head)
        elif not self._chunked:
            self.cycle.chunked_encoding = None  # it announces what it does

    def withdraw(self) -> None:
        """Throw away what was held."""
        self._held = self.taker = None

    def write(self, buffer: bytes) -> None:
        """Hand `buffer` to the transport, or hold it until the head is sent."""
        if self._held is not None:
            self._held.append(buffer)
        else:
            super().write(buffer)

    def descriptor(self) -> int | None:
        """The socket, once the head of the response is sent."""
        return super().descriptor() if self._streaming else None

    def _let_go(self) -> None:
        """Give up what only a request needs: most of an idle reader's memory."""
        self.acceptance.seat(self)
        self._deadline = math.inf
        # Who reads a stream must be seen to leave: reading goes on, of a body too.
        self.flow.holding = False
        if not self.lost:
            self.flow.resume_reading()
        self._hold(b"")
        self.cycle = self.scope = self.flow = None  # type: ignore[assignment]
        self.server = self.client = None
        if not self.pipeline:  # an empty deque is 600 bytes
            self.pipeline = None  # type: ignore[assignment]
        if self._pieces.in_head:  # what comes next waits until the stream ends
            self.parser = None  # type: ignore[assignment]

    def _take_back(self) -> None:
        """Become fit for the next request."""
        self.ready()
        if self.pipeline is None:
            self.pipeline = deque()
        if self.parser is None:
            self._renew_parser()

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - only a WebSocket has them
        """Write the last chunk, and let the connection continue with its next request."""
        self.taker = None
        if self.lost or self.transport.is_closing():
            return
        if not self._streaming:
            # Over before the head is sent: all of it was in the tail. `start` ends it.
            self._ended = True
            return
        self._streaming = False
        self._take_back()
        if self._chunked:
            self.transport.write(LAST_CHUNK)
        if not self._keep_alive or self._pieces.begun:
            self._end()
        else:
            self.on_response_complete()

    # What the parser, the transport and uvicorn call

    def on_message_begin(self) -> None:
        """Offer the writer in the scope of each request."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    def pause_writing(self) -> None:
        """The transport is over its high-water mark."""
        if self.flow is not None:
            super().pause_writing()
        self.tell_filled()

    def resume_writing(self) -> None:
        """The transport has drained."""
        if self.flow is not None:
            super().resume_writing()
        self.tell_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report to the reader, too."""
        super().connection_lost(exc)
        self.tell_gone()

    def shutdown(self) -> None:
        """Begin a graceful shutdown; a stream is ended by the hub's drain."""
        if self._streaming:
            self._keep_alive = False
            self.tell_retired()
        else:
            super().shutdown()
