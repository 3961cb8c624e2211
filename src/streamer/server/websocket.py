"""The fast path over WebSocket: uvicorn's protocol class, offering a `Writer` to the app."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import SecurityError
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from ..api.rate import Pace
from ..errors import HeadTooLarge, InvalidRequest, StreamerError
from ..hub.heartbeat import Wheel
from ..hub.send_progress import SendProgress
from ..hub.writer import EXTENSION
from ..limits import FRAME_BURST, RequestLimits
from ..wire.refusal import refusal
from ..wire.websocket import DEFLATED_FRAMES, FRAMES, WINDOW_BITS
from .acceptance import Acceptance, address_of
from .transport_writer import TransportWriter

if TYPE_CHECKING:
    from asyncio.transports import BaseTransport

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame
    from websockets.http11 import Request

    from ..wire.form import Form

_logger: Final = logging.getLogger(__name__)

#: Bytes that are parsed at a time: no more than forty frames, of six bytes each.
_PIECE: Final = 256

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
    deflate: ClassVar[bool] = False
    #: Bounds, the count of connections, and the wheel that pings silent clients: the
    #: process's own.
    limits: ClassVar[RequestLimits] = RequestLimits()
    acceptance: ClassVar[Acceptance] = Acceptance()
    silence: ClassVar[Wheel[FastWebSocket]] = Wheel()

    party: str | None = None
    _closing: asyncio.Task[None] | None = None
    #: What came in and waits: for the app, or for the rate.
    _inbox: bytes = b""
    _rest: asyncio.TimerHandle | None = None
    #: The newest pong that found no room.
    _pong: bytes = b""
    #: Whether anything came since the last look, and whether a ping asks for it.
    _heard: bool = True
    _asked: bool = False
    _progress: SendProgress | None = None
    _pace: Pace
    _slot: dict[FastWebSocket, None]

    def connection_made(self, transport: BaseTransport) -> None:
        """Count the connection; HTTP has made room for it."""
        super().connection_made(transport)
        # It logs whole requests and frames, with the tokens in them.
        self.conn.debug = False
        self.client = address_of(self.client)
        self._pace = Pace(self.limits.frames_per_second, FRAME_BURST)
        self._slot = {}
        self.acceptance.enter(self, self.client[0] if self.client else "")
        self.acceptance.work(self)

    def handle_connect(self, event: Request) -> None:
        """Offer the writer in the scope of an acceptable handshake."""
        # Never with uvicorn's own extension: its frames depend on one another,
        # and those that all readers share cannot.
        self.conn.available_extensions = [_DEFLATE] if self.deflate else None
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was refused
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]
            self._slot = self.silence.add(self, max(1, int(self.limits.silence_seconds / 3)))

    # What the app calls

    def open(self, form: Form, high_water: int) -> FastWebSocket:
        """Become a writer of `form`; call it once the socket is accepted."""
        agreed = [e for e in self.conn.extensions if isinstance(e, PerMessageDeflate)]
        fits = agreed and agreed[0].local_max_window_bits >= WINDOW_BITS
        self.form = DEFLATED_FRAMES if fits and form is FRAMES else form
        self.limit(high_water)
        self.acceptance.seat(self)
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

    async def send(self, message: ASGISendEvent) -> None:
        """Send for the app; what the client sent meanwhile may be read afterwards."""
        if message["type"] == "websocket.close":
            self.acceptance.work(self)
        await super().send(message)
        self._take_in()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message; others are read when there is none."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._take_in()
        return message

    # What comes in

    def data_received(self, data: bytes) -> None:
        """Parse the handshake, then frames, no faster than the rate."""
        self._heard = True
        if not self.handshake_initiated:
            self._shake_hands(data)
            return
        self._inbox += data
        self._take_in()

    def _shake_hands(self, head: bytes) -> None:
        super().data_received(head)
        if self.handshake_initiated:
            return
        # The library has refused it by itself, and has no event for that.
        problem = self.conn.handshake_exc
        error: StreamerError
        if isinstance(problem, SecurityError):
            error = HeadTooLarge(f"the handshake of a WebSocket is too large: {problem}")
        else:
            cause = (problem and problem.__cause__) or problem
            error = InvalidRequest(f"this is not a WebSocket handshake: {cause}")
        _logger.info("%s: refused: %s", self.client[0] if self.client else "", error.detail)
        self.transport.write(refusal(error))
        self.transport.close()

    def _take_in(self) -> None:
        """Parse what came, as far as the handshake, the app and the rate let us."""
        inbox, start = self._inbox, 0
        while start < len(inbox) and self._may_parse():
            super().data_received(inbox[start : start + _PIECE])
            start += _PIECE
        self._inbox = inbox[start:]
        if self._inbox or self._rest is not None or self.read_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _may_parse(self) -> bool:
        return (
            self.handshake_complete
            and self._rest is None
            and not self.read_paused
            and not self.transport.is_closing()
        )

    def handle_events(self) -> None:
        """Count frames of every kind: control frames and fragments cost as much as others."""
        count = len(self.conn.events)
        super().handle_events()
        wait = self._pace.spend(count, self.loop.time()) if count else 0.0
        if wait:
            self._rest = self.loop.call_later(wait, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self._take_in()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; an empty one adds nothing, and there could be any number."""
        if event.data or event.fin:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Hand on a message; text must be UTF-8 (RFC 6455, section 8.1)."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError as error:
                _logger.info("a WebSocket client sent text that is not UTF-8: %s", error)
                self.frames = []
                self.conn.send_close(1007, "text must be UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer; if the client takes nothing, only its newest ping, when it does again.

        RFC 6455 (section 5.5.3) allows that, and else a client that pings and does
        not read would fill our memory.
        """
        if self.close_sent:
            return
        if self.full:
            for pong in self.conn.data_to_send():
                self._pong = pong
            return
        super().handle_ping()
        self.written()

    # What the transport and uvicorn call

    def pause_writing(self) -> None:
        """The transport is over its high-water mark."""
        super().pause_writing()
        self.tell_filled()

    def resume_writing(self) -> None:
        """The transport has drained."""
        super().resume_writing()
        if self._pong:
            self.transport.write(self._pong)
            self._pong = b""
        self.tell_drained()

    def handle_close(self, event: Frame) -> None:
        """Write nothing after the close frame that answers the client's."""
        self.tell_gone()
        self.acceptance.work(self)
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        """Write nothing after the close frame that says what was wrong."""
        self.tell_gone()
        self.acceptance.work(self)
        super().handle_parser_exception()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report to the reader, too."""
        self.acceptance.leave(self)
        self._slot.pop(self, None)
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)
        self.tell_gone()

    def is_there(self) -> None:
        """Ask a client that is silent for a sign of life, and cut it if it gives none.

        A client that takes nothing cannot hear us ask; the send timeout is for that.
        """
        if self._heard or self.full:
            self._heard = self._asked = False
        elif self._asked:
            self.transport.abort()
        else:
            self._asked = True
            if self.handshake_complete and not self.close_sent:
                self.write(FRAMES.heartbeat)

    def look(self, now: float) -> None:
        """Cut a connection that is being closed, if its client takes nothing."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._progress = self._progress or SendProgress()
            if self._progress.is_stuck(now, unsent, self.limits.take_seconds):
                self.transport.abort()

    def give_way(self) -> None:
        """Do nothing: it does not wait."""

    def shutdown(self) -> None:
        """Begin a graceful shutdown; a stream is ended by the hub's drain."""
        if self.taker is not None:
            self.tell_retired()
        elif self._closing is None:
            super().shutdown()
