"""Commands over one connection: each is sent at once, replies come in the same order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

import hiredis
from redis import exceptions

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from .connection import Connection, Reply, connect, credentials
from .route import CLOSED, Address, Route, connection_options

#: Seconds that a command under way has when the log is closed.
_GRACE: Final = 1.0
#: What refusals mean that decide how a command goes on, by their first word.
_REFUSALS: Final[Mapping[str, type[exceptions.ResponseError]]] = {
    "NOSCRIPT": exceptions.NoScriptError,
    "READONLY": exceptions.ReadOnlyError,
    "MOVED": exceptions.MovedError,
    "ASK": exceptions.AskError,
    "TRYAGAIN": exceptions.TryAgainError,
}


class PipelinedConnection(Connection):
    """Answers commands in the order in which they were sent.

    Args:
        address: where it leads, if the log may move away from there.
        timeout: seconds that a command may take; then the connection is given up,
            for nobody can tell later replies from this one.
    """

    def __init__(self, address: Address | None, timeout: float) -> None:
        super().__init__(address)
        self._loop: Final = asyncio.get_running_loop()
        self._timeout: Final = timeout
        self._waiting: Final[deque[tuple[float, asyncio.Future[Reply]]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._retired = False

    def call(self, *command: str | bytes | float) -> asyncio.Future[Reply]:
        """Send a command; the future has its reply, or raises what Redis refused it with.

        Raises (both here and later):
            redis.exceptions.ConnectionError: the connection is lost.
            redis.exceptions.TimeoutError: there was no reply in time.
        """
        if not self.usable:
            raise exceptions.ConnectionError("the connection was lost")
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting.append((self._loop.time(), future))
        self.send(*command)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._look)
        return future

    def retire(self) -> None:
        """Let go of the connection as soon as all replies have come."""
        self._retired = True
        if not self._waiting:
            self.abort("no longer needed")

    def replied(self, replies: list[Reply]) -> None:
        """See `Connection`."""
        for reply in replies:
            if not self._waiting:
                self.abort(f"Redis said what nobody had asked for: {reply!r}")
                return
            _, future = self._waiting.popleft()
            if future.done():
                continue  # whoever asked has gone
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(_refusal(str(reply)))
            else:
                future.set_result(reply)
        if self._retired and not self._waiting:
            self.abort("no longer needed")

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all who wait."""
        super().connection_lost(error)
        if self._watch is not None:
            self._watch.cancel()
        overdue = self._loop.time() - self._timeout
        while self._waiting:
            sent, future = self._waiting.popleft()
            if future.done():
                continue
            if sent <= overdue:
                future.set_exception(exceptions.TimeoutError("Timeout reading from Redis"))
            else:
                future.set_exception(exceptions.ConnectionError(self.lost.result()))

    def _look(self) -> None:
        """Give up if the oldest command has waited too long."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0][0] + self._timeout - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self.abort("Redis did not answer in time")


class Pipeline:
    """The connection that scripts are run over; made anew when it is lost, or the log moves.

    Args:
        url: where the log is.
        route: None if that is one server, for ever.
        timeout: seconds that connecting, or one command, may take.
    """

    def __init__(self, url: RedisURL, route: Route | None, timeout: float) -> None:
        self._url: Final = url
        self._route: Final = route
        self._timeout: Final = timeout
        self._connection: PipelinedConnection | None = None
        self._connecting: asyncio.Task[PipelinedConnection] | None = None
        self._closed = False

    async def open(self) -> PipelinedConnection:
        """A connection to where the log is now.

        Raises:
            LogUnavailable: it is closed, or nobody knows where the log is.
            redis.exceptions.RedisError: it cannot be reached, or will not serve us.
        """
        connection = self._connection
        if connection is not None and connection.usable and not self._is_elsewhere(connection):
            return connection
        if self._closed:
            raise LogUnavailable(CLOSED)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        # One who gives up must not take the connection from others.
        await asyncio.wait((connecting,))
        if connecting.cancelled():
            raise LogUnavailable(CLOSED)
        return connecting.result()

    def retire(self) -> None:
        """Use another connection from now on; what is under way is answered."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.retire()

    async def close(self) -> None:
        """Let go of the connection; a command under way is given a moment for its reply."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        connection = self._connection
        if connection is not None:
            self.retire()
            await asyncio.wait((connection.lost,), timeout=_GRACE)
            connection.abort(CLOSED)
            # Its socket is closed only now: the loop may end with whoever closes us.
            await connection.lost

    def _is_elsewhere(self, connection: PipelinedConnection) -> bool:
        return self._route is not None and connection.address != self._route.current

    async def _connect(self) -> PipelinedConnection:
        self.retire()
        address = None if self._route is None else await self._route.find()
        try:
            async with asyncio.timeout(self._timeout):
                connection = await connect(
                    self._url, address, lambda: PipelinedConnection(address, self._timeout)
                )
                await self._introduce(connection)
        except TimeoutError as error:
            raise exceptions.TimeoutError("Timeout connecting to server") from error
        except OSError as error:
            where = f" to {address}" if address is not None else ""
            raise exceptions.ConnectionError(f"connecting{where}: {error}") from error
        self._connection = connection
        return connection

    async def _introduce(self, connection: PipelinedConnection) -> None:
        """Authenticate, choose the database, and make sure that it takes writes."""
        try:
            authenticate = credentials(self._url)
            if authenticate is not None:
                await connection.call(*authenticate)
            database = int(connection_options(self._url).get("db") or 0)
            if database:
                await connection.call("SELECT", database)
            if connection.address is not None:
                _refuse_replica(await connection.call("ROLE"), connection.address)
        except BaseException:
            connection.abort("never used")
            raise

    def _connected(self, connecting: asyncio.Task[PipelinedConnection]) -> None:
        self._connecting = None
        if not connecting.cancelled():
            connecting.exception()  # whoever asked may have given up: that is no news


def _refuse_replica(role: Reply, address: Address) -> None:
    if role[0] != b"master":
        # It would answer reads with what was, and ephemeral events with silence.
        raise exceptions.ConnectionError(f"{address} has become a replica")


def _refusal(text: str) -> exceptions.ResponseError:
    word, _, rest = text.partition(" ")
    kind = _REFUSALS.get(word)
    if kind is None:
        return exceptions.ResponseError(text)
    # The addresses of the other node are read from the rest.
    return kind(rest if issubclass(kind, exceptions.AskError) else text)
