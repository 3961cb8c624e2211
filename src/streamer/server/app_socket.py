"""A WebSocket as an ASGI app has it: its scope, and what is received and sent."""

from __future__ import annotations

import asyncio
import http
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_path_with_query_string,
)

from ..hub.writer import EXTENSION
from ..wire.websocket import binary_frame, close_reason, text_frame
from .deflate_offer import agreed
from .handshake import Handshake, lines_of, switching

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_logger: Final = logging.getLogger("uvicorn.error")

#: Close codes an app is told of that no frame has (RFC 6455, section 7.4.1).
_ABNORMAL: Final = 1006
_PLAIN: Final = ((b"content-type", b"text/plain; charset=utf-8"),)
_PHRASES: Final = {status.value: status.phrase.encode() for status in http.HTTPStatus}


class Line(Protocol):
    """The connection, as far as an app's messages go."""

    def accept(self, head: bytes) -> None:
        """Send the head that accepts the handshake, and read what follows it."""

    def refuse(self, answer: bytes) -> None:
        """Send the answer that declines the handshake, and end."""

    def send_frame(self, frame: bytes) -> None:
        """Send one message."""

    def say_close(self, code: int, reason: str) -> None:
        """Send the close frame, and nothing after it."""

    def read_on(self) -> None:
        """The app has taken what came."""

    async def drained(self) -> None:
        """Return when there is room for more."""


class Former(Protocol):
    """HTTP's protocol, which has read the handshake: whose it is."""

    scheme: str
    server: tuple[str, int | None] | None
    client: tuple[str, int] | None


class AppSocket:
    """What runs an ASGI app over one connection (ASGI 3.0, WebSocket 2.4).

    Attributes:
        scope: the app's; empty before `begin`.
        was_answered: whether the app has accepted or declined the handshake.
    """

    __slots__ = (
        "_agreed",
        "_answer",
        "_app_state",
        "_config",
        "_end",
        "_handshake",
        "_has_closed",
        "_line",
        "_messages",
        "_news",
        "_server_state",
        "scope",
        "was_answered",
    )

    def __init__(
        self, line: Line, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self.scope: dict[str, Any] = {}
        self.was_answered = False
        self._line: Final = line
        self._config: Final = config
        self._server_state: Final = server_state
        self._app_state: Final = app_state
        self._handshake: Handshake | None = None
        # The extension that is agreed to, as its field says it.
        self._agreed: str | None = None
        self._messages: Final[deque[dict[str, Any]]] = deque()
        self._news: asyncio.Event | None = None
        # What says that it is over; and whether the app itself has closed it.
        self._end: dict[str, Any] | None = None
        self._has_closed = False
        # The answer that declines, while it is made: its head, and its body.
        self._answer: tuple[bytes, bytes] | None = None

    # What the connection calls

    def begin(self, handshake: Handshake, former: Former, client: tuple[str, int] | None) -> None:
        """Make the scope of a handshake."""
        self._handshake = handshake
        root = self._config.root_path
        path, _, query = handshake.target.partition(b"?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if former.scheme == "https" else "ws",
            "server": former.server,
            "client": client,
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": list(handshake.fields),
            "subprotocols": list(handshake.subprotocols),
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: self._line},
        }
        self._put({"type": "websocket.connect"})

    def agree_to_deflate(self) -> bool:
        """Say with the answer that accepts that messages may be compressed; False if they may not.

        What the app itself sends is sent as it is: it may be a secret.
        """
        if self._handshake is not None:
            self._agreed = agreed(self._handshake.values(b"sec-websocket-extensions"))
        return self._agreed is not None

    def accepted(self, more: Iterable[tuple[bytes, bytes]], subprotocol: str | None) -> bytes:
        """The head that accepts the handshake, with `more` fields; it is to be sent."""
        assert self._handshake is not None  # noqa: S101
        self._log("[accepted]")
        fields = [*self._server_state.default_headers, *more]
        if self._agreed is not None:
            fields.append((b"Sec-WebSocket-Extensions", self._agreed.encode()))
        if subprotocol:
            fields.append((b"Sec-WebSocket-Protocol", subprotocol.encode("latin-1")))
        head = switching(self._handshake, fields)
        self.was_answered, self._handshake = True, None
        return head

    async def run(self) -> None:
        """Run the app until it returns; what it raises is logged."""
        app: Any = self._config.loaded_app
        try:
            result = await app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception:
            _logger.exception("Exception in ASGI application\n")
        else:
            if result is not None:
                _logger.error("ASGI callable should return None, but returned '%s'.", result)
            if not self.was_answered and self._end is None:
                _logger.error("ASGI callable returned without completing handshake.")
        if not self.was_answered:
            self._decline(_head(500, _PLAIN), _PHRASES[500])

    @property
    def is_busy(self) -> bool:
        """Whether there is a message that the app has not taken."""
        return bool(self._messages)

    def put(self, data: str | bytes) -> None:
        """A message came."""
        kind = "text" if isinstance(data, str) else "bytes"
        self._put({"type": "websocket.receive", kind: data})

    def taken_back(self) -> list[str | bytes]:
        """The messages that came, and that the app will not take."""
        left = [message for message in self._messages if message["type"] == "websocket.receive"]
        self._messages.clear()
        return [message["text"] if "text" in message else message["bytes"] for message in left]

    def end(self, code: int, reason: str = "") -> None:
        """The connection is over, or will be."""
        if self._end is None:
            self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
            if self._news is not None:
                self._news.set()

    def _put(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._news is not None:
            self._news.set()

    # What the app calls

    async def receive(self) -> dict[str, Any]:
        """Return the next message; others are read when there is none."""
        while not self._messages and self._end is None:
            self._news = asyncio.Event()
            await self._news.wait()
        if not self._messages:
            assert self._end is not None  # noqa: S101
            return self._end
        message = self._messages.popleft()
        self._line.read_on()
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Send for the app.

        Raises:
            ClientDisconnected: there is nobody to send to.
            RuntimeError: it is not the time for this message.
        """
        await self._line.drained()
        kind: str = message["type"]
        if self._end is not None and not self._has_closed:
            if kind != "websocket.close":
                raise ClientDisconnected
        elif self._has_closed:
            raise RuntimeError(f"Unexpected ASGI message '{kind}', after 'websocket.close'.")
        elif not self.was_answered:
            self._send_answer(kind, message)
        elif kind == "websocket.send":
            self._line.send_frame(self._frame_of(message))
        elif kind == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._close(code, reason)
            self._line.say_close(code, close_reason(reason))
        else:
            raise RuntimeError(
                f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'."
            )

    def _frame_of(self, message: dict[str, Any]) -> bytes:
        data: bytes | None = message.get("bytes")
        if data is not None:
            return binary_frame(data)
        text: str = message["text"]
        return text_frame(text.encode())

    def _close(self, code: int, reason: str) -> None:
        self._has_closed = True
        self.end(code, reason)

    def _send_answer(self, kind: str, message: dict[str, Any]) -> None:
        if self._answer is not None:
            self._send_body(kind, message)
        elif kind == "websocket.accept":
            head = self.accepted(message.get("headers", ()), message.get("subprotocol"))
            self._line.accept(head)
        elif kind == "websocket.close":
            self._log("403")
            self._decline(_head(403, []), b"")
        elif kind == "websocket.http.response.start":
            if message["status"] not in _PHRASES:
                raise RuntimeError(f"Invalid HTTP status code '{message['status']}' in response.")
            self._log(str(message["status"]))
            self._answer = _head(message["status"], message.get("headers", [])), b""
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close' or "
                f"'websocket.http.response.start' but got '{kind}'."
            )

    def _send_body(self, kind: str, message: dict[str, Any]) -> None:
        if kind != "websocket.http.response.body":
            raise RuntimeError(
                f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'."
            )
        assert self._answer is not None  # noqa: S101
        head, body = self._answer
        self._answer = head, body + message.get("body", b"")
        if not message.get("more_body", False):
            self._decline(*self._answer)

    def _decline(self, head: bytes, body: bytes) -> None:
        self.was_answered = True
        self._close(_ABNORMAL, "")
        if b"\r\ncontent-length:" not in head.lower():
            head += b"content-length: %d\r\n" % len(body)
        fields = lines_of(self._server_state.default_headers)
        self._line.refuse(b"%b%bconnection: close\r\n\r\n%b" % (head, fields, body))

    def _log(self, outcome: str) -> None:
        """As uvicorn does, of which these lines are."""
        if _logger.isEnabledFor(logging.INFO):
            scope: Any = self.scope
            client = ":".join(map(str, scope["client"] or ()))
            target = get_path_with_query_string(scope)
            _logger.info('%s - "WebSocket %s" %s', client, target, outcome)


def _head(status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"HTTP/1.1 %d %b\r\n%b" % (status, _PHRASES[status], lines_of(fields))
