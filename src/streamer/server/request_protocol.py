"""HTTP/1.1 requests, one at a time and within limits: uvicorn's protocol class."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..errors import HeadTooLarge, InvalidRequest, RequestTimeout, StreamerError
from ..hub.send_progress import SendProgress
from ..limits import RequestLimits
from ..wire.refusal import refusal
from .absolute_form import origin_form
from .acceptance import LAST_CALL, Acceptance, address_of
from .prompt import CREATED, HEADERS_END, Prompt, answer_begins
from .request_pieces import RequestPieces
from .upgrade_offer import head_without_offers, offers_websocket, only_websocket
from .websocket import FastWebSocket

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_logger: Final = logging.getLogger(__name__)
_UVICORN: Final = logging.getLogger("uvicorn.error")
_ACCESS: Final = logging.getLogger("uvicorn.access")

#: Never: the time of what is not limited.
_NEVER: Final = math.inf
#: Bytes a second that a long body must have: a slow modem, and not a byte now and then.
_PACE: Final = 1024
#: Methods of what may be answered without a task: publishes and streams.
_PROMPTLY: Final = frozenset({"GET", "POST"})
#: At once: the time of a body, until it shows that it did not come with its head.
_AT_ONCE: Final = -math.inf


class _Ignored(list[tuple[bytes, bytes]]):
    """The headers after the head: trailers mean nothing to us, and are thrown away."""

    __slots__ = ()

    def append(self, _header: tuple[bytes, bytes]) -> None:
        """Ignore it."""


_IGNORED: Final = _Ignored()


class RequestFlow(FlowControl):
    """Reading stays paused while a request is held back, whoever wants to read its body."""

    holding = False

    def resume_reading(self) -> None:
        """Read on, unless a request is held back."""
        if not self.holding:
            super().resume_reading()


class RequestProtocol(HttpToolsProtocol):
    """Reads one request at a time: what follows it waits as bytes until it is answered.

    Every request has its limits, and whoever is too slow, too large or in the way
    of others is refused or closed.
    """

    #: Bounds of requests, and who counts the connections: the process's own.
    limits: ClassVar[RequestLimits] = RequestLimits()
    acceptance: ClassVar[Acceptance] = Acceptance()
    #: Whether each answer is the last of its connection: the server is going away.
    #: A proxy that reuses a connection in the moment in which it is closed has a
    #: request without an answer, and may not repeat a POST.
    retiring: ClassVar[bool] = False
    #: Whether it has drained: whoever asks nothing soon is cut off.
    leaving: ClassVar[bool] = False
    #: Whether somebody has `acceptance` look at connections: on a server that is not ours
    #: nobody does, and uvicorn's own timers end those that are idle.
    is_looked_at: ClassVar[bool] = False
    #: Answers what needs no task of its own; None of an app that knows of no such thing.
    prompt: ClassVar[Prompt | None] = None

    # uvicorn's own attributes just fit into a dictionary that shares its keys with
    # others; with one of ours among them each reader's would take 1.3 kB more.
    __slots__ = (
        "_deadline",
        "_deaf",
        "_due",
        "_kept",
        "_next",
        "_paced",
        "_pieces",
        "_progress",
        "_streaming",
        "party",
    )

    flow: RequestFlow
    #: Whether the answer is a stream, of which uvicorn knows nothing.
    _streaming: bool
    _pieces: RequestPieces
    #: When the connection is ended unless something comes of it, on the loop's clock.
    _deadline: float
    #: Bytes of a long body since it was last looked at; None of any other.
    _paced: int | None
    party: str | None
    _progress: SendProgress | None
    #: The next requests, while one is answered; and whether they were thrown away.
    _next: bytes
    _deaf: bool
    #: Whether the deadline is that of a connection that waits for its next request.
    _kept: bool
    #: Whether a request has no task yet: its body comes with its head, most likely.
    _due: bool

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # As uvicorn's, which asks for its two loggers by name for each connection, and waits for
        # a lock to do so.
        if not config.loaded:
            config.load()
        self.config, self.app = config, config.loaded_app
        self.loop = _loop or asyncio.get_event_loop()
        self.logger, self.access_logger = _UVICORN, _ACCESS
        self.access_log = _ACCESS.hasHandlers()
        self._renew_parser()
        self.ws_protocol_class = config.ws_protocol_class
        self.root_path, self.asgi_version = config.root_path, config.asgi_version
        self.limit_concurrency = config.limit_concurrency
        self.app_state = app_state
        self.timeout_keep_alive_task = None
        self.timeout_keep_alive = config.timeout_keep_alive
        self.server_state = server_state
        self.connections, self.tasks = server_state.connections, server_state.tasks
        self.transport = self.flow = None  # type: ignore[assignment]
        self.server = self.client = self.scheme = None
        self.pipeline = deque()
        self.scope = self.headers = self.cycle = None  # type: ignore[assignment]
        self.expect_100_continue = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, if there is room."""
        self._begin(transport)
        self._streaming = self._deaf = self._due = self._kept = False
        self._next = b""
        self.party = self._progress = self._paced = None
        self._pieces = RequestPieces(self.limits.head_bytes)
        self._deadline = self.loop.time() + self.limits.head_seconds
        if not self.acceptance.enter(self, self.client[0] if self.client else ""):
            transport.abort()
        elif self.leaving:
            self.shutdown()

    def _begin(self, transport: asyncio.Transport) -> None:
        """Do as uvicorn's `connection_made`, which makes two sockets to ask for two addresses."""
        self.connections.add(self)
        self.transport = transport
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self.ready()

    def ready(self) -> None:
        """Have what requests are served with, and told of their connection."""
        self.flow = RequestFlow(self.transport)
        ours, theirs = map(self.transport.get_extra_info, ("sockname", "peername"))
        # A path, or nothing, where it is a Unix socket; IPv6 has four parts.
        self.server = (ours, None) if isinstance(ours, str) else ours and ours[:2]
        self.client = address_of(theirs[:2] if isinstance(theirs, tuple) else None)

    # What comes in

    def data_received(self, data: bytes) -> None:
        """Read requests, one at a time."""
        if self._kept:
            self._kept, self._deadline = False, _NEVER
        self._unset_keepalive_if_required()
        self._read(data)
        if self._due:
            self._begin_task()
        # Most requests come in one piece, and need no clock.
        if self._deadline == _AT_ONCE:
            self._deadline = self.loop.time() + self.limits.body_seconds
        elif (
            self._deadline == _NEVER
            and self._pieces.in_head
            and self._pieces.begun
            and not self._is_answering()
        ):
            self._deadline = self.loop.time() + self.limits.head_seconds

    def _is_answering(self) -> bool:
        return self._streaming or (self.cycle is not None and not self.cycle.response_complete)

    def _read(self, data: bytes) -> None:
        """Parse what `data` has of the request at hand; the rest waits for its answer."""
        start = 0
        while start < len(data) and not self._deaf and not self.transport.is_closing():
            if self._pieces.in_head and self._is_answering():
                self._hold(data[start:])
                return
            end = self._pieces.end(data, start)
            if end == start:
                most = self.limits.head_bytes
                self._refuse(HeadTooLarge(f"the URL and headers are over {most} bytes"))
            elif self._parse(data[start:end]):
                self._become_websocket(data[end:])
                return
            start = end

    def _parse(self, piece: bytes) -> bool:
        """Parse one piece; whether it ends the handshake of a WebSocket."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                return True
            self._decline_upgrade()
        except httptools.HttpParserError as error:
            self._refuse(InvalidRequest(f"this is no HTTP request: {error}"))
        return False

    def _hold(self, data: bytes) -> None:
        """Keep the next requests for later; while streaming, few: it may take hours."""
        self._next += data
        if not self._streaming:
            self.flow.holding = bool(self._next)
            self.flow.pause_reading()
        elif len(self._next) > self.limits.head_bytes:
            self._next, self._deaf = b"", True

    def _refuse(self, error: StreamerError) -> None:
        """Answer what cannot be read, unless its answer has begun, and read no more."""
        self._deaf = True
        if self._streaming:
            return  # the stream itself is sound; when it ends, the connection does
        _logger.info("%s: refused: %s", self.client[0] if self.client else "", error.detail)
        cycle = self.cycle
        # The app's answer to this very request has begun, or is even over.
        begun = not self._pieces.in_head and cycle is not None and cycle.response_started
        if not begun:
            self.transport.write(refusal(error))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self._end()

    def _end(self) -> None:
        """Close the connection after what was written."""
        self.transport.close()
        self.acceptance.work(self)

    # Upgrades

    def _should_upgrade(self) -> bool:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        return offers_websocket(method, version, self.headers)

    def _decline_upgrade(self) -> None:
        """Read the head again, without the offer: to the parser, what follows was no HTTP."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(InvalidRequest("CONNECT is for proxies"))
            return
        self._renew_parser()
        self._parse(head_without_offers(method, self.url, version, self.headers))

    def _renew_parser(self) -> None:
        """Have a parser that has read nothing, set as uvicorn sets its own."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _become_websocket(self, rest: bytes) -> None:
        """Hand the connection, and what followed the handshake, to the other protocol."""
        if not self.url.isascii():
            self._refuse(InvalidRequest("the URL is not ASCII"))
            return
        self.scope["method"] = "GET"
        self.scope["headers"] = only_websocket(self.headers)
        self.handle_websocket_upgrade()
        # The parser and this hold one another: else both would wait for the collector.
        self.parser = self.scope = self.flow = self.headers = None  # type: ignore[assignment]
        if rest:
            cast("asyncio.Protocol", self.transport.get_protocol()).data_received(rest)

    def handle_websocket_upgrade(self) -> None:
        """Hand the handshake on: as it was read, and not as bytes, where our own follows."""
        kind: Any = self.ws_protocol_class
        if not issubclass(kind, FastWebSocket):
            self.acceptance.leave(self)
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        heir = kind(self.config, self.server_state, self.app_state, self.loop)
        heir.follow(self, self.url, self.scope["headers"])
        self.transport.set_protocol(heir)

    # What the parser calls

    def on_headers_complete(self) -> None:
        """The head is read: a body may follow."""
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url, self.headers)
        if self.parser.should_upgrade():
            return  # it is a WebSocket's, or read again
        super().on_headers_complete()
        self.url = b""  # the scope has it; here a token in it would live as long as the stream
        if self.retiring:
            self.cycle.keep_alive = False
        self._pieces.head_read(self.headers)
        self.headers = _IGNORED  # the scope has them: what is added now is a trailer
        self._deadline = _AT_ONCE

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body for the app; a stream has no use for it."""
        self._pieces.body_read()
        if self._paced is not None:
            self._paced += len(body)
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade():
            return
        self._pieces.message_read()
        self._paced = None
        self._deadline = _NEVER
        if self.cycle is not None:
            super().on_message_complete()
            if self._due and not self._answer_promptly():
                self._begin_task()
            if self._is_answering() and not self._streaming:
                self.acceptance.work(self)

    # What is answered without a task

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        """Wait for the body, if it may be that no task is needed."""
        if (
            self.prompt is None
            or app is not self.app
            or cycle.scope["method"] not in _PROMPTLY
            or cycle.waiting_for_100_continue
            or not cycle.keep_alive
            or cycle.access_log
        ):
            super()._start_asgi_task(cycle, app)
        else:
            self._due = True

    def _answer_promptly(self) -> bool:
        """Have the request answered without a task; whether that can be."""
        cycle = self.cycle
        if cycle.disconnected or self.flow.write_paused or self.prompt is None:
            return False
        self._due = False
        self._due = not self.prompt(cycle.scope, bytes(cycle.body), self)
        return not self._due

    def create(self, head: bytes, body: bytes) -> None:
        """Answer the request at hand: what it asked for is created.

        Args:
            head: fields of the answer, each a whole line.
            body: of the answer.
        """
        cycle = self.cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        end = HEADERS_END if cycle.keep_alive else b"connection: close\r\n\r\n"
        # One write: each is a call of the system.
        begins = answer_begins(CREATED, self.server_state.default_headers)
        answer = b"".join((*begins, head, end, body))
        self.transport.write(answer)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def hand_over(self) -> None:
        """Have the request at hand answered by a task after all."""
        if not self.cycle.disconnected:
            self._begin_task()

    def _begin_task(self) -> None:
        self._due = False
        super()._start_asgi_task(self.cycle, self.app)

    def take_long_body(self) -> None:
        """Let the body at hand take longer than others, as long as it comes at a pace.

        For a handler that knows who sends it, keeps what came, and has a bound for it.
        """
        if not self._pieces.in_head:
            self._paced = self._paced or 0

    # What uvicorn and the clock call

    def on_response_complete(self) -> None:
        """Continue with the next request, if there is one."""
        self.flow.holding = False
        if self.is_looked_at:  # which needs no timer for each answer
            self.server_state.total_requests += 1
        else:
            super().on_response_complete()
        unasked = self.expect_100_continue and self._pieces.begun and not self._pieces.body_begun
        if self._deaf or unasked or self.transport.is_closing():
            # Nobody can know whether a body that was not asked for follows.
            self._end()
            return
        self.flow.resume_reading()
        self.acceptance.wait(self)
        if self.is_looked_at and self._pieces.in_head and not self._next:
            self._kept, self._deadline = True, self.loop.time() + self.timeout_keep_alive
        if self._next:
            data, self._next = self._next, b""
            self.data_received(data)

    def look(self, now: float) -> None:
        """End the connection if its time is over."""
        if self.transport.is_closing() or (self.flow is not None and self.flow.write_paused):
            self._progress = self._progress or SendProgress()
            unsent = self.transport.get_write_buffer_size()
            if self._progress.is_stuck(now, unsent, self.limits.take_seconds):
                self.transport.abort()
            return
        self._progress = None
        if now >= self._deadline:
            if self._keeps_pace():
                self._paced = 0
                self._deadline = now + self.limits.body_seconds
                return
            self._deadline = _NEVER
            self._be_late()

    def _keeps_pace(self) -> bool:
        """Whether a long body comes fast enough, or waits for us and not for its sender."""
        if self._paced is None or self._pieces.in_head:
            return False
        return self.flow.read_paused or self._paced >= _PACE * self.limits.body_seconds

    def _be_late(self) -> None:
        if not self._pieces.begun:
            self._end()  # nothing was asked
            return
        part, seconds = "head", self.limits.head_seconds
        if not self._pieces.in_head:
            part, seconds = "body", self.limits.body_seconds
        self._refuse(RequestTimeout(f"the {part} of the request was not whole in {seconds:g} s"))

    def give_way(self) -> None:
        """End the connection, which waits, in favour of another."""
        self._end()

    def shutdown(self) -> None:
        """Begin a graceful shutdown: what is being asked is answered, if it comes soon."""
        if self._is_answering():
            super().shutdown()
        else:
            self.loop.call_later(LAST_CALL, self._leave)

    def _leave(self) -> None:
        is_ours = self.transport.get_protocol() is self  # and not a WebSocket's by now
        if is_ours and not self._is_answering() and not self.transport.is_closing():
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        self.acceptance.leave(self)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
