"""A connection to Redis that only subscribes, made for many notifications a second."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import hiredis
from redis.asyncio.connection import SSLConnection

from ..redis_url import RedisURL
from .route import Address, connection_options

#: One reply of Redis: a list for a notification or a confirmation, else bytes.
Reply = Any


#: What ROLE answers where nothing is published; no notification starts with it.
_REPLICA: Final = (b"slave", b"sentinel")


class PubSubConnection(asyncio.Protocol):
    """Give `receive` all replies that have arrived, at once, in their order.

    redis-py's own reader takes one message per task switch; at twenty thousand
    a second that alone is a whole core.
    """

    def __init__(
        self, receive: Callable[[list[Reply]], None], address: Address | None = None
    ) -> None:
        self._receive: Final = receive
        #: Where it leads, if the log may move away from there.
        self.address: Final = address
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
            if isinstance(reply, list) and reply[0] in _REPLICA:
                self.abort("this server has become a replica")
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


async def connect(
    url: RedisURL, address: Address | None, receive: Callable[[list[Reply]], None]
) -> PubSubConnection:
    """Connect to `url`, at `address` if that may move, and authenticate if it says how.

    Raises:
        OSError: if there is no connection.
    """
    options = connection_options(url)
    loop = asyncio.get_running_loop()

    def make() -> PubSubConnection:
        return PubSubConnection(receive, address)

    if "path" in options:
        _, connection = await loop.create_unix_connection(make, options["path"])
    else:
        context = None
        if options.pop("connection_class", None) is SSLConnection:
            context = SSLConnection(**options).ssl_context.get()
        host, port = address or (options.get("host", "localhost"), options.get("port", 6379))
        transport, connection = await loop.create_connection(make, host, port, ssl=context)
        # A peer that vanished without a word is found even while nothing is sent.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    username, password = options.get("username"), options.get("password")
    if password is not None:
        # Not awaited: a refusal is the reply to the first command, and ends it.
        connection.send("AUTH", *((username,) if username else ()), password)
    if address is not None:
        # Not awaited either: a replica is dropped when it says so.
        connection.send("ROLE")
    return connection
