"""The fast path: uvicorn's protocol classes, offering a `Writer` to the app.

Everything private of uvicorn that Streamer relies on is touched in this file,
and `tests/test_protocols.py` says which attributes those are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from .transport_writer import TransportWriter
from .wire.sse import LAST_CHUNK
from .wire.websocket import DEFLATED_FRAMES, WINDOW_BITS
from .writer import EXTENSION

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Request

    from .wire.form import Form


_HEAD_PROBLEM = (
    b'{"type":"urn:streamer:error:head-too-large","title":"Request head too large",'
    b'"status":431,"detail":"the URL and headers are too large","code":"head_too_large"}'
)
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_HEAD_PROBLEM), _HEAD_PROBLEM)
)


class FastHttp(TransportWriter, HttpToolsProtocol):
    """HTTP/1.1 whose responses may become streams of shared, pre-chunked buffers.

    The app calls `open`, sends ``http.response.start`` as ever (so that
    middleware and the access log see it), calls `start` and returns: from then
    on there is no task, no scope and no coroutine for the stream, only this
    object. uvicorn still counts it among its connections.
    """

    #: Bytes of a request's URL and headers that are read, about.
    max_head_bytes: int = 32 * 1024
    #: Whether each answer is the last of its connection: the server is going away.
    #: A proxy that reuses a connection in the moment in which it is closed has a
    #: request without an answer, and may not repeat a POST.
    retiring: bool = False

    _in_head: bool = False
    _head_bytes: int = 0
    _held: list[bytes]
    _streaming: bool = False
    _keep_alive: bool = True
    _unread: bool = False
    _ended: bool = False

    def on_message_begin(self) -> None:
        """Offer the writer in the scope of each request."""
        super().on_message_begin()
        self._in_head = True
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    # What the app calls

    def open(self, form: Form, high_water: int) -> FastHttp:
        """Become a writer of `form`; buffers are held until the head is sent."""
        self.form = form
        self.limit(high_water)
        self._held = []
        self._ended = False
        self.write = self._held.append  # type: ignore[method-assign,assignment]
        return self

    def start(self) -> None:
        """The head is sent: write what was held, and from now on write through."""
        # To uvicorn this response is over; its cycle can neither write nor end it.
        self.cycle.response_complete = True
        self._keep_alive = self.cycle.keep_alive
        self._streaming = True
        held = self._held
        del self.write, self._held
        if held:
            self.write(b"".join(held))
        self._let_go()
        if self.taker is not None:
            self.taker.requeued()
        if self._ended:
            self.close(1000, "ended")

    def descriptor(self) -> int | None:
        """The socket, once the head of the response is sent."""
        return super().descriptor() if self._streaming else None

    def _let_go(self) -> None:
        """Give up what only a request needs: most of an idle reader's memory."""
        self.cycle = self.scope = self.headers = self.flow = None  # type: ignore[assignment]
        if not self.pipeline:  # an empty deque is 600 bytes
            self.pipeline = None  # type: ignore[assignment]

    def _take_back(self) -> None:
        """Become fit for the next request."""
        self.flow = FlowControl(self.transport)
        if self.pipeline is None:
            self.pipeline = deque()

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - only a WebSocket has them
        """Write the last chunk, and let the connection go on with its next request."""
        self.taker = None
        if self.lost or self.transport.is_closing():
            return
        if not self._streaming:
            # Over before the head is sent: all of it was in the tail. `start` ends it.
            self._ended = True
            return
        self._streaming = False
        self._take_back()
        self.transport.write(LAST_CHUNK)
        if self._unread or not self._keep_alive:
            self.transport.close()
        else:
            self.on_response_complete()

    # What the transport and uvicorn call

    def on_headers_complete(self) -> None:
        """The head is read: what follows is limited by whoever reads the body."""
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()
        if self.retiring and self.cycle is not None:
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Parse requests; while streaming, nothing that comes in has a meaning."""
        if self._streaming:
            self._unread = True
            return
        super().data_received(data)
        # httptools itself takes a head of any size: one that never ends would
        # fill the memory of the process.
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes:
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

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
        """Tell the reader, too."""
        super().connection_lost(exc)
        self.tell_gone()

    def shutdown(self) -> None:
        """Begin a graceful shutdown; a stream is ended by the hub's drain."""
        if self._streaming:
            self._keep_alive = False
        else:
            super().shutdown()


_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=WINDOW_BITS,
    client_max_window_bits=WINDOW_BITS,
)


class FastWebSocket(TransportWriter, WebSocketsSansIOProtocol):
    """A WebSocket that takes shared, already framed buffers.

    The app accepts and receives as ever; what the hub sends goes straight to
    the transport, in frames that need no state of the connection.
    """

    #: Whether to agree to permessage-deflate (RFC 7692) when a client offers it.
    deflate: bool = False

    _closing: asyncio.Task[None] | None = None

    def handle_connect(self, event: Request) -> None:
        """Offer the writer in the scope of an acceptable handshake."""
        # Never with uvicorn's own extension: its frames depend on one another,
        # and those that all readers share cannot.
        self.conn.available_extensions = [_DEFLATE] if self.deflate else None
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was refused
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]

    # What the app calls

    def open(self, form: Form, high_water: int) -> FastWebSocket:
        """Become a writer of `form`; call it once the socket is accepted."""
        agreed = [e for e in self.conn.extensions if isinstance(e, PerMessageDeflate)]
        fits = agreed and agreed[0].local_max_window_bits >= WINDOW_BITS
        self.form = DEFLATED_FRAMES if fits else form
        self.limit(high_water)
        # Of no use after the handshake, and 3 kB of each reader; the parser holds
        # on to the request, so that its headers are emptied too.
        self.request.headers.clear()
        self.request = self.response = None  # type: ignore[assignment]
        return self

    async def drained(self) -> None:
        """Return when the transport takes more."""
        await self.writable.wait()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what was written; uvicorn finishes the handshake."""
        self.taker = None
        if self.lost:
            return
        message: Any = {"type": "websocket.close", "code": code, "reason": reason}
        self._closing = self.loop.create_task(self._send_close(message))

    async def _send_close(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        if not self.disconnected and not self.close_sent:
            await self.send(message)

    # What the transport and uvicorn call

    def pause_writing(self) -> None:
        """The transport is over its high-water mark."""
        super().pause_writing()
        self.tell_filled()

    def resume_writing(self) -> None:
        """The transport has drained."""
        super().resume_writing()
        self.tell_drained()

    def handle_ping(self) -> None:
        """Answer; the answer may be queued like anything else."""
        super().handle_ping()
        self.written()

    def handle_close(self, event: Frame) -> None:
        """Write nothing after the close frame that answers the client's."""
        self.tell_gone()
        super().handle_close(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the reader, too."""
        super().connection_lost(exc)
        self.tell_gone()

    def shutdown(self) -> None:
        """Begin a graceful shutdown; a stream is ended by the hub's drain."""
        if self.taker is None and self._closing is None:
            super().shutdown()
