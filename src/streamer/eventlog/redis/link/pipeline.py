"""The connection that commands go over, to where the log is now; opened again when it is lost."""

from __future__ import annotations

import asyncio
from typing import Final

from redis import exceptions

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from .connection import Command, Reply, connect, greeting
from .pipelined import PipelinedConnection
from .route import CLOSED, Address, Route, connection_options

#: Seconds that a command under way has when the log is closed.
_GRACE: Final = 1.0


class Pipeline:
    """One connection for commands; opened again when it is lost, or the log moves.

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
        #: Those that are not yet lost: one that is left still answers.
        self._made: Final[set[PipelinedConnection]] = set()
        self._closed = False

    @property
    def at_hand(self) -> PipelinedConnection | None:
        """The connection to where the log is now, if there is one."""
        connection = self._connection
        if connection is None or not connection.usable or self._is_elsewhere(connection):
            return None
        return connection

    async def open(self) -> PipelinedConnection:
        """A connection to where the log is now.

        Raises:
            LogUnavailable: it is closed, or nobody knows where the log is.
            redis.exceptions.RedisError: it cannot be reached, or will not serve us.
        """
        if (connection := self.at_hand) is not None:
            return connection
        if self._closed:
            raise LogUnavailable(CLOSED)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        # A caller that gives up must not take the connection from others.
        await asyncio.wait((connecting,))
        if connecting.cancelled():
            raise LogUnavailable(CLOSED)
        return connecting.result()

    def leave(self, address: Address | None) -> None:
        """Use another connection than one to `address` from now on; what is under way is answered.

        One that has been made since, to somewhere else, is kept.
        """
        if self._connection is not None and self._connection.address == address:
            self._retire()

    def settle(self) -> None:
        """Drop a connection that the next to have it could not use.

        Replies of the one before are still to come, or the log has moved.
        """
        connection = self._connection
        if connection is not None and (not connection.idle or self._is_elsewhere(connection)):
            self._connection = None
            connection.abort("no longer needed")

    async def close(self) -> None:
        """Close every connection; a command under way is given a moment for its reply."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        self._connection = None
        made = tuple(self._made)
        if not made:
            return
        for connection in made:
            connection.retire()
        lost = [connection.lost for connection in made]
        try:
            await asyncio.wait(lost, timeout=_GRACE)
        finally:
            for connection in made:
                connection.abort(CLOSED)
        # Their sockets are closed only now: the loop may end with whoever closes us.
        await asyncio.wait(lost)

    def _retire(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.retire()

    def _is_elsewhere(self, connection: PipelinedConnection) -> bool:
        return self._route is not None and connection.address != self._route.current

    async def _connect(self) -> PipelinedConnection:
        self._retire()
        address = None if self._route is None else await self._route.find()
        try:
            async with asyncio.timeout(self._timeout):
                connection = await connect(
                    self._url, address, lambda: PipelinedConnection(address, self._timeout)
                )
                self._made.add(connection)
                connection.lost.add_done_callback(lambda _: self._made.discard(connection))
                await self._introduce(connection)
        except TimeoutError as error:
            raise exceptions.TimeoutError("Timeout connecting to server") from error
        except OSError as error:
            where = f" to {address}" if address is not None else ""
            raise exceptions.ConnectionError(f"connecting{where}: {error}") from error
        self._connection = connection
        return connection

    async def _introduce(self, connection: PipelinedConnection) -> None:
        """Say who we are, choose the database, and make sure that it takes writes."""
        commands: list[Command] = [*greeting(self._url)]
        database = int(connection_options(self._url).get("db") or 0)
        if database:
            commands.append(("SELECT", database))
        if connection.address is not None:
            commands.append(("ROLE",))
        try:
            replies = await connection.call_all(*commands)
            if connection.address is not None:
                _refuse_replica(replies[-1], connection.address)
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
