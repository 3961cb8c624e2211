"""A connection to Redis that only subscribes, made for many notifications a second."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

#: One reply of Redis: a list for a notification or a confirmation, else bytes.
Reply = Any


class PubSubConnection(asyncio.Protocol):
    """Give `receive` all replies that have arrived, at once, in their order.

    redis-py's own reader takes one message per task switch; at twenty thousand
    a second that alone is a whole core.
    """

    def __init__(self, receive: Callable[[list[Reply]], None]) -> None:
        self._receive: Final = receive
        self._reader: Final = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._reason: str | None = None
        #: Done when the connection is lost: why.
        self.lost: Final[asyncio.Future[str]] = asyncio.get_running_loop().create_future()

    def subscribe(self, names: Iterable[str]) -> None:
        """Ask for notifications under `names`; each is confirmed by a reply."""
        self.send("SUBSCRIBE", *names)

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Ask for no more notifications under `names`; each is confirmed by a reply."""
        self.send("UNSUBSCRIBE", *names)

    def send(self, *command: str) -> None:
        """Send one command; a connection that is lost drops it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def abort(self, reason: str) -> None:
        """Drop the connection; `lost` tells `reason`."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()
        elif not self.lost.done():
            self.lost.set_result(self._reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._reader.feed(data)
        replies = []
        while (reply := self._next_reply()) is not False:
            if isinstance(reply, Exception):
                self.abort(str(reply))
                break
            replies.append(reply)
        if replies:
            self._receive(replies)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.lost.done():
            self.lost.set_result(self._reason or str(error or "Redis closed the connection"))

    def _next_reply(self) -> Reply:
        try:
            return self._reader.gets()
        except hiredis.ProtocolError as error:
            return error


async def connect(url: str, receive: Callable[[list[Reply]], None]) -> PubSubConnection:
    """Connect to `url` and authenticate, if it names a user or password.

    Raises:
        OSError: if there is no connection.
    """
    # The keys depend on the scheme, more than redis-py's own type says.
    options = cast("dict[str, Any]", dict(parse_url(url)))
    loop = asyncio.get_running_loop()

    def make() -> PubSubConnection:
        return PubSubConnection(receive)

    if "path" in options:
        _, connection = await loop.create_unix_connection(make, options["path"])
    else:
        context = None
        if options.pop("connection_class", None) is SSLConnection:
            context = SSLConnection(**options).ssl_context.get()
        host = options.get("host", "localhost")
        transport, connection = await loop.create_connection(
            make, host, options.get("port", 6379), ssl=context
        )
        # A peer that vanished without a word is found even while nothing is sent.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    username, password = options.get("username"), options.get("password")
    if password is not None:
        # Not awaited: a refusal is the reply to the first command, and ends it.
        connection.send("AUTH", *((username,) if username else ()), password)
    return connection
