"""A connection to Redis whose replies are taken as they arrive, many at once.

redis-py's own reader takes one reply per task switch, and a command of its client
costs more than Redis itself needs for it. So all that is asked of the log, and all that
it notifies, goes over connections of our own.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar, cast

import hiredis
from redis.asyncio.connection import SSLConnection

from ....config.redis_url import RedisURL
from .route import Address, connection_options

#: A command's name and its arguments.
Command = Sequence[str | bytes | float]
#: One reply of Redis: a list, bytes, an integer, None, or an error that it replied.
Reply = Any


class Connection(asyncio.Protocol, ABC):
    """One connection to Redis.

    Attributes:
        address: where it leads, if the log may move away from there.
        lost: done when the connection is lost: why.
    """

    def __init__(self, address: Address | None) -> None:
        self.address: Final = address
        self.lost: Final[asyncio.Future[str]] = asyncio.get_running_loop().create_future()
        self._reader: Final = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._reason: str | None = None

    @abstractmethod
    def replied(self, replies: list[Reply]) -> None:
        """Take all replies that have arrived, in their order."""

    @property
    def usable(self) -> bool:
        """Whether a command that is sent now may arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, *command: str | bytes | float) -> None:
        """Send one command; a connection that is lost drops it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def send_all(self, commands: Iterable[Command]) -> None:
        """Send commands in one write; a connection that is lost drops them."""
        if self._transport is not None and not self._transport.is_closing():
            packed = (hiredis.pack_command(tuple(command)) for command in commands)  # type: ignore[arg-type]
            self._transport.write(b"".join(packed))

    def abort(self, reason: str) -> None:
        """Drop the connection; `lost` has the `reason`."""
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
        try:
            while (reply := self._reader.gets()) is not False:
                replies.append(reply)
        except hiredis.ProtocolError as error:
            self.abort(str(error))
        if replies:
            self.replied(replies)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.lost.done():
            self.lost.set_result(self._reason or str(error or "Redis closed the connection"))


ConnectionT = TypeVar("ConnectionT", bound=Connection)


async def connect(
    url: RedisURL, address: Address | None, make: Callable[[], ConnectionT]
) -> ConnectionT:
    """Connect to `url`, at `address` if that may move; nothing is sent yet.

    Raises:
        OSError: if there is no connection.
    """
    options = connection_options(url)
    loop = asyncio.get_running_loop()
    if "path" in options:
        _, connection = await loop.create_unix_connection(make, options["path"])
        return connection
    context = None
    if options.pop("connection_class", None) is SSLConnection:
        context = SSLConnection(**options).ssl_context.get()
    host, port = address or (options.get("host", "localhost"), options.get("port", 6379))
    transport, connection = await loop.create_connection(make, host, port, ssl=context)
    # A peer that vanished silently is noticed even while nothing is sent.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection


def authentication(username: str | None, password: str | None) -> list[Command]:
    """The command that authenticates, if there is a password."""
    if password is None:
        return []
    return [("AUTH", *((username,) if username else ()), password)]


def greeting(url: RedisURL) -> list[Command]:
    """The commands that a connection begins with: who we are, as far as `url` says it.

    The name is what CLIENT LIST shows.
    """
    options = connection_options(url)
    commands = authentication(options.get("username"), options.get("password"))
    if (name := options.get("client_name")) is not None:
        commands.append(("CLIENT", "SETNAME", name))
    return commands
