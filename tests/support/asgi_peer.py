"""A client on a server that is not ours: it speaks ASGI with the app, call by call."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.types import ASGIApp

from .stage import Stage

Message = MutableMapping[str, Any]

_NUMBER: Final = re.compile(rb'"number":(\d+)')


class AsgiPeer:
    """One request, or one WebSocket, whose server does what a test says.

    Attributes:
        received: everything that was sent, joined.
        status: of the answer to a request, once it has begun.
        close_code: of a WebSocket, once the server has closed it.
        task: the server's task of this request.
    """

    def __init__(
        self,
        stage: Stage,
        target: str,
        headers: dict[str, str] | None = None,
        *,
        kind: str,
        method: str = "GET",
    ) -> None:
        parts = urlsplit(target)
        self.received = b""
        self.status: int | None = None
        self.close_code: int | None = None
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._sends = -1
        self._break_at: tuple[int, str] | None = None
        self._over = {"type": f"{kind}.disconnect", "code": 1006}
        first: Message = {"type": "http.request", "body": b"", "more_body": False}
        self._inbox.put_nowait(first if kind == "http" else {"type": "websocket.connect"})
        scope = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in (headers or {}).items()
                ),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "extensions": {},
        }
        if kind == "http":
            scope["method"] = method
        self.task: Final = stage.loop.create_task(self._run(stage.app, scope))

    async def _run(self, app: ASGIApp, scope: Message) -> None:
        # A server takes what it has caused itself.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await app(scope, self._inbox.get, self._send)  # type: ignore[arg-type]

    async def _send(self, message: Message) -> None:
        self._sends += 1
        if self._break_at is not None and self._sends >= self._break_at[0]:
            if self._break_at[1] == "raises":
                raise OSError("the connection is lost")
            await asyncio.get_running_loop().create_future()  # until it is cancelled
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "websocket.close":
            self.close_code = message["code"]
        self.received += message.get("body") or (message.get("text") or "").encode()

    @property
    def numbers(self) -> list[int]:
        """Numbers of the events received, in order."""
        return [int(number) for number in _NUMBER.findall(self.received)]

    def send_frame(self, text: str) -> None:
        """Send a text frame."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})

    def leave(self) -> None:
        """Close the connection: the server says so at the next `receive`."""
        self._inbox.put_nowait(self._over)

    def cancel(self) -> None:
        """The server gives up the request by cancelling its task."""
        self.task.cancel()

    def break_at(self, send: int, how: str) -> None:
        """At the app's `send` number `send`, from 0: it `raises`, or `hangs` until cancelled."""
        self._break_at = (send, how)
