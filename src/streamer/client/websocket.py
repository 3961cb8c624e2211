"""Streams over WebSocket: the I/O of one connection, blocking and for asyncio alike."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.sync.client import ClientConnection, connect

from ..config.server_url import API
from .bearer import presented
from .frames import LARGEST_FRAME
from .lost import check_trust, not_reached
from .open_client import checked_url, trusted
from .reader import Reader
from .received import Received
from .refusals import Lost, Refused

_PATH: Final = f"{API}/stream"
#: Seconds for a connection, with its handshakes.
_OPEN_TIMEOUT: Final = 20.0
#: Seconds that the server has to answer our close frame: nobody waits for its last word.
_CLOSE_TIMEOUT: Final = 1.0
#: Frames that are read ahead of whoever iterates; then the server waits.
_READ_AHEAD: Final = 64

#: What fails before there is a connection.
_NOT_OPENED: Final = (OSError, InvalidHandshake, InvalidURI, InvalidProxy, ImportError, EOFError)


class WebSocket:
    """The connections of one reader, one after the other.

    `opened` is called with the socket of each, which another thread may shut down.
    """

    def __init__(self, url: str, silence: float, opened: Callable[[Any], None]) -> None:
        self._address: Final = _Address(url, silence)
        self._opened: Final = opened
        self._connection: ClientConnection | None = None

    def close(self) -> None:
        """Release what is kept between connections."""

    def frames(self, reader: Reader, token: str | None) -> Generator[Received]:
        """Yield the frames of one connection.

        Raises:
            Lost: it was not made, or was cut.
            Refused: another would fare no better.
        """
        url, options = self._address.ask(reader, token)
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(connect(url, **options))
            except _NOT_OPENED as error:
                raise _not_opened(error, reader) from error
            self._opened(connection.socket)
            self._connection = connection
            # Of a stream that is still open when Python exits: to close it later would
            # wait for a thread of the library's that does not run any more.
            atexit.register(connection.close)
            try:
                while True:
                    yield Received("message", connection.recv(decode=False))
            except ConnectionClosed as error:
                _closed(error, reader)
            finally:
                self._connection = None
                connection.close()
                atexit.unregister(connection.close)

    def renew(self, _path: str, token: str) -> None:
        """Have the stream go on with `token`; if it does not, it ends, and is resumed."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionClosed):  # whoever reads is told
                self._connection.send(_renewal(token))


class AsyncWebSocket:
    """`WebSocket`, for asyncio."""

    def __init__(self, url: str, silence: float) -> None:
        self._address: Final = _Address(url, silence)
        self._connection: AsyncConnection | None = None

    async def close(self) -> None:
        """Release what is kept between connections."""

    async def frames(self, reader: Reader, token: str | None) -> AsyncGenerator[Received]:
        """Yield the frames of one connection; raises as `WebSocket.frames`."""
        url, options = self._address.ask(reader, token)
        try:
            connection = await connect_async(url, **options)
        except _NOT_OPENED as error:
            raise _not_opened(error, reader) from error
        self._connection = connection
        try:
            while True:
                yield Received("message", await connection.recv(decode=False))
        except ConnectionClosed as error:
            _closed(error, reader)
        finally:
            self._connection = None
            try:
                await connection.close()
            except asyncio.CancelledError:
                connection.transport.abort()
                raise

    async def renew(self, _path: str, token: str) -> None:
        """Have the stream go on with `token`; if it does not, it ends, and is resumed."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionClosed):  # whoever reads is told
                await self._connection.send(_renewal(token))


class _Address:
    """Where a server's streams are as a WebSocket, and how to connect there."""

    def __init__(self, url: str, silence: float) -> None:
        base = checked_url(url)
        secure = base.lower().startswith("https://")
        place = base.partition("://")[2]
        self._credentials, _, self._place = place.rpartition("@")
        self._scheme: Final = "wss" if secure else "ws"
        self._options: Final[dict[str, Any]] = {
            "open_timeout": _OPEN_TIMEOUT,
            "close_timeout": _CLOSE_TIMEOUT,
            # The server's own pings are answered by the library, out of our sight; so it
            # is asked for a sign of life as often as it would have sent one.
            "ping_interval": silence / 3,
            "ping_timeout": silence * 2 / 3,
            "max_size": LARGEST_FRAME,
            "max_queue": _READ_AHEAD,
        }
        if secure:
            self._options["ssl"] = trusted()

    def ask(self, reader: Reader, token: str | None) -> tuple[str, dict[str, Any]]:
        """The URL of the next connection, and the options that it is opened with."""
        query, _ = reader.request(in_query=True)
        place = self._place
        options = dict(self._options)
        if token is not None:
            _ = presented(token)  # refuses what no header can carry
            options["additional_headers"] = {"Authorization": f"Bearer {token}"}
        elif self._credentials:
            user, _, password = self._credentials.partition(":")
            place = f"{quote(user, safe='%')}:{quote(password, safe='%')}@{place}"
        return f"{self._scheme}://{place}{_PATH}?{urlencode(query)}", options


def _renewal(token: str) -> str:
    return msgspec.json.encode({"type": "token", "token": token}).decode()


def _closed(error: ConnectionClosed, reader: Reader) -> None:
    """Raise why the connection is over."""
    if error.rcvd is not None:
        reader.closed(error.rcvd.code, error.rcvd.reason)
    if error.sent is not None and error.sent.code == _TOO_BIG:
        raise Refused(0, f"an event of more than {LARGEST_FRAME} bytes") from error
    if error.sent is not None and "ping" in error.sent.reason:
        raise Lost(f"nothing was received for {reader.silence:g} s") from error
    reader.closed(None, "")


#: RFC 6455, section 7.4.1.
_TOO_BIG: Final = 1009


def _not_opened(error: Exception, reader: Reader) -> Lost:
    """Why there is no connection.

    Raises:
        Refused: another try would end the same.
    """
    # A redirect that the library does not follow, as from ws:// to https://.
    refused = error if isinstance(error, InvalidStatus) else error.__context__
    match error:
        case _ if isinstance(refused, InvalidStatus):
            response = refused.response
            status, headers = response.status_code, response.headers
            reader.moved(status, headers.get("Location"))
            kind = headers.get("Content-Type")
            body = bytes(response.body or b"")
            if reader.answered(status, body, headers.get("Retry-After"), kind):
                raise Refused(status, "the server answered with a stream, not with a WebSocket")
            return Lost("the stream is over")  # it was read to its end, and the reader knows
        case ProxyError():
            return Lost(f"the proxy answered otherwise ({error})", unreachable=True)
        case InvalidProxy() | ImportError():
            # Not chained: it may quote the password of a proxy.
            raise Refused(0, "the proxy of the environment cannot be used") from None
        case InvalidMessage() | EOFError():
            return Lost("the connection was lost (no answer to its handshake)")
        case OSError():
            check_trust(error)
            return not_reached(error)
        case _:
            raise Refused(0, f"the server does not speak WebSocket: {error}") from error
