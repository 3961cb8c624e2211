"""The fast path over WebSocket: an asyncio protocol for uvicorn, offering a `Writer` to the app."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from ..errors import StreamerError
from ..hub.heartbeat import Wheel
from ..hub.send_progress import SendProgress
from ..wire.client_frames import CloseFrame, Message, PingFrame, Received, Violation
from ..wire.refusal import refusal
from ..wire.websocket import FRAMES, close_frame, close_reason, pong_frame
from .acceptance import LAST_CALL, Acceptance, Connection, address_of
from .app_socket import AppSocket, Former
from .frame_intake import FrameIntake
from .handshake import Fields, Handshake, handshake_of, read_handshake
from .hearing import Hearing
from .holding_writer import HoldingWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from ..hub.writer import Listener
    from ..wire.form import Form
    from .prompt import Prompt

_logger: Final = logging.getLogger(__name__)

#: Seconds that a client has to answer our close frame.
_CLOSE_SECONDS: Final = 10.0
#: Codes an app is told of that no frame has (RFC 6455, section 7.4.1).
_NO_CODE: Final = 1005
_ABNORMAL: Final = 1006
_RESTART: Final = 1012


class Preceding(Former, Connection, Protocol):
    """Our own HTTP, which has read the handshake."""

    transport: asyncio.Transport


class FastWebSocket(HoldingWriter, FrameIntake, asyncio.Protocol):
    """A WebSocket that takes shared, already framed buffers.

    An app accepts, receives and sends as ever. One that takes the offered writer calls
    `open` and `listen`, and returns: from then on there is no task, no scope and no
    coroutine for the connection, only this object. What the hub sends goes straight to the
    transport, in frames that need no state of the connection; a task runs while something
    that the client said is heard, and no longer.
    """

    #: The count of connections, and the wheel that pings silent clients: the process's own.
    acceptance: ClassVar[Acceptance] = Acceptance()
    #: Whether the server has drained: as of HTTP.
    leaving: ClassVar[bool] = False
    silence: ClassVar[Wheel[FastWebSocket]] = Wheel()
    #: Answers what needs no task of its own; None of an app that knows of no such thing.
    prompt: ClassVar[Prompt | None] = None

    __slots__ = (
        *("form", "full", "lost", "party", "taker", "transport"),
        *("_app", "_asked", "_deflates", "_ending", "_has_closed", "_heard", "_held"),
        *("_is_open", "_hearing", "_pong", "_progress", "_slot", "_state", "_writable"),
    )

    party: str | None
    #: The app, until it has a listener in its place.
    _app: AppSocket | None
    _hearing: Hearing | None
    _ending: asyncio.TimerHandle | None
    #: Set when the transport takes more, while somebody waits for that.
    _writable: asyncio.Event | None
    _progress: SendProgress | None
    _slot: dict[FastWebSocket, None] | None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(_loop or asyncio.get_event_loop(), config.ws_max_size)
        self._state = server_state
        self._app = AppSocket(self, config, server_state, app_state)
        self.full = self.lost = False
        self.party = self.taker = None
        self._hearing = self._ending = self._writable = self._progress = self._slot = None
        #: Whether the handshake is over; and whether our close frame is sent.
        self._is_open = self._has_closed = False
        #: Whether permessage-deflate (RFC 7692) is agreed to.
        self._deflates = False
        #: The head of the handshake's answer, and what follows it, until they are sent.
        self._held = b""
        #: The newest pong that found no room.
        self._pong = b""
        #: Whether anything came since the last look, and whether a ping asks for it.
        self._heard, self._asked = True, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection; HTTP that is not ours has made room for it."""
        self._begin(transport)
        former: Former = transport.get_protocol()  # type: ignore[assignment]  # HTTP's
        client = address_of(former.client)
        self.acceptance.enter(self, client[0] if client else "")
        self.acceptance.work(self)
        if self.leaving:
            self.shutdown()

    def follow(self, former: Preceding, target: bytes, fields: Fields) -> None:
        """Run the app for a handshake that our own HTTP has read, whose connection this was."""
        self._begin(former.transport)
        self.acceptance.hand_on(former, self)
        if self.leaving:
            self.shutdown()
        self._heard = True
        self._shake_hands(partial(handshake_of, target, fields), former)

    def _begin(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._state.connections.add(self)  # type: ignore[arg-type]

    # What the app calls

    def agree_to_deflate(self) -> bool:
        """Agree to it, if the client offers what is needed; call it before accepting."""
        self._deflates = self._app is not None and self._app.agree_to_deflate()
        return self._deflates

    def accept_with(self, fields: Sequence[tuple[bytes, bytes]], subprotocol: str | None) -> None:
        """Accept the handshake, for an app that is asked without a task.

        It calls `listen` in the same turn, which sends the head.
        """
        if self._app is not None:
            self._is_open = True
            self._held = self._app.accepted(fields, subprotocol)

    def open(self, form: Form, high_water: int) -> FastWebSocket:
        """Become a writer of `form`; call it once the socket is accepted."""
        self.form = form
        self.limit(high_water)
        self.acceptance.seat(self)
        return self

    def listen(self, listener: Listener) -> None:
        """Hand what the client says to `listener`, and live on when the app has returned."""
        app, self._app = self._app, None
        if self.lost or app is None:
            return
        self._hearing = Hearing(listener, self, self._state.tasks)
        self.let_go()
        for said in app.taken_back():
            self._hear(said)
        self.read_on()

    async def drained(self) -> None:
        """Return when the transport takes more."""
        while self.full and not self.lost:
            self._writable = self._writable or asyncio.Event()
            await self._writable.wait()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what was written; the client answers with its own."""
        self.taker = self._hearing = None
        self.say_close(code, close_reason(reason))

    # What the app sends otherwise

    def accept(self, head: bytes) -> None:
        """Send the head that accepts the handshake, and read what follows it."""
        if not self.transport.is_closing():
            self._is_open = True
            self.hold(head, self._loop)
            self.read_on()

    def refuse(self, answer: bytes) -> None:
        """Send the answer that declines the handshake, and end."""
        if not self.lost:
            self._has_closed = True
            self.send(answer)
            self.transport.close()

    def send_frame(self, frame: bytes) -> None:
        """Send one message."""
        self.write(frame)

    def say_close(self, code: int, reason: str) -> None:
        """Send the close frame, and nothing after it."""
        if self._has_closed or self.lost or self.transport.is_closing():
            return
        self._has_closed = True
        self.acceptance.work(self)
        self.send(close_frame(code, reason))
        self._ending = self._loop.call_later(_CLOSE_SECONDS, self.transport.close)
        self.read_on()

    # What comes in

    def data_received(self, data: bytes) -> None:
        """Read the handshake, then frames, no faster than the rate."""
        self._heard = True
        if self.is_over:  # it may have come with a handshake that was refused
            return
        if self._app is not None and not self._app.scope:
            # HTTP that is not ours hands it on as bytes, whole.
            former: Former = self.transport.get_protocol()  # type: ignore[assignment]
            self._shake_hands(partial(read_handshake, data), former)
        else:
            self.feed(data)

    def _shake_hands(self, read: Callable[[], Handshake], former: Former) -> None:
        """Run the app for a handshake."""
        assert self._app is not None  # noqa: S101
        client = address_of(former.client)
        try:
            handshake = read()
        except StreamerError as error:
            _logger.info("%s: refused: %s", client[0] if client else "", error.detail)
            self.refuse(refusal(error))
            return
        self._slot = self.silence.add(self, max(1, int(self.limits.silence_seconds / 3)))
        self._app.begin(handshake, former, client)
        if self.prompt is not None and self.prompt(self._app.scope, b"", None):
            return
        task = self._loop.create_task(self._app.run())
        self._state.tasks.add(task)
        task.add_done_callback(self._app_returned)

    def _app_returned(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)
        # One that has a listener lives on, and one that the app has closed takes its time.
        if self._hearing is None and not self._has_closed and not self.lost:
            self.let_go()
            self.transport.close()

    @property
    def waits(self) -> bool:
        """Whether the handshake, the app or the listener has to be waited for."""
        if not self._is_open:
            return True
        said_to = self._app or self._hearing
        return said_to is not None and said_to.is_busy and not self._has_closed

    @property
    def may_deflate(self) -> bool:
        """Whether that was agreed to."""
        return self._deflates

    @property
    def is_over(self) -> bool:
        """Whether nothing is read any more."""
        return self.lost or self.transport.is_closing()

    def let_come(self, *, more: bool) -> None:
        """Have the transport read `more`, or not."""
        if more:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def take(self, received: Received) -> None:
        """Handle one frame."""
        if isinstance(received, CloseFrame):
            self._end_as_client_says(received)
        elif self._has_closed:
            return  # it may not have our close frame yet
        elif isinstance(received, Message):
            self._hear(received.data)
        elif isinstance(received, PingFrame):
            self._answer(pong_frame(received.payload))

    def _hear(self, said: str | bytes) -> None:
        if self._hearing is not None:
            self._hearing.hear(said, self._loop)
        elif self._app is not None:
            self._app.put(said)

    def was_heard(self, *, well: bool) -> None:
        """What the client said last is done."""
        if not well:
            self._hearing = None
            if not self.lost:
                self.transport.abort()
        self.read_on()

    def _answer(self, pong: bytes) -> None:
        """Answer a ping; if the client takes nothing, only its newest, when it does again.

        RFC 6455 (section 5.5.3) allows that, and else a client that pings and does
        not read would fill our memory.
        """
        if self.full:
            self._pong = pong
        else:
            self.write(pong)

    def _end_as_client_says(self, close: CloseFrame) -> None:
        """Write nothing after the close frame that answers the client's."""
        if not self._has_closed:
            self._be_over(close.code, close.reason)
            self.send(close_frame(close.code))
        self.transport.close()

    def cut_off(self, violation: Violation) -> None:
        """Write nothing after the close frame that says what was wrong."""
        _logger.info("a WebSocket client has sent what it may not: %s", violation.reason)
        if not self._has_closed:
            self._be_over(violation.code, violation.reason)
            self.send(close_frame(violation.code, violation.reason))
        self.transport.close()

    def _be_over(self, code: int, reason: str) -> None:
        self._has_closed = True
        self.tell_gone()
        self.acceptance.work(self)
        self._tell_app(code, reason)

    def _tell_app(self, code: int, reason: str = "") -> None:
        if self._app is not None:
            self._app.end(code, reason)
        if self._writable is not None:
            self._writable.set()

    # What the transport and uvicorn call

    def pause_writing(self) -> None:
        """The transport is over its high-water mark."""
        self.tell_filled()

    def resume_writing(self) -> None:
        """The transport has drained."""
        if self._pong:
            self.send(self._pong)
            self._pong = b""
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        self.tell_drained()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's own
        """Report to the reader, too."""
        self.acceptance.leave(self)
        self._state.connections.discard(self)
        if self._slot is not None:
            self._slot.pop(self, None)
        if self._ending is not None:
            self._ending.cancel()
        self.stop()
        self._hearing = self._ending = None
        self.tell_gone()
        self._tell_app(_NO_CODE if self._is_open else _ABNORMAL)

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
            if self._is_open and not self._has_closed:
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
        """Begin a graceful shutdown: a handshake is answered, if that is soon."""
        if self._is_open:
            self._leave()
        else:
            self._loop.call_later(LAST_CALL, self._leave)

    def _leave(self) -> None:
        """End, or have the hub's drain end a stream."""
        if self.taker is not None:
            self.tell_retired()
        elif not self._has_closed and not self.lost:
            if self._is_open:
                self._be_over(_RESTART, "")
                self.send(close_frame(_RESTART))
            self.transport.close()
