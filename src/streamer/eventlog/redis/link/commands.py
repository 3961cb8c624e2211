"""Commands to the server that takes the log's writes, wherever it is now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from ..script import Script
from .failures import unavailable
from .pipeline import Pipeline
from .route import CLOSED, Address, Route, connection_options

#: Connections for commands; more would only queue in Redis, which has one thread.
MAX_CONNECTIONS: Final = 32
#: Times one command follows the log to another server before it gives up.
_MAX_MOVES: Final = 5
#: Seconds before a command is tried again while its slot is moved to another node.
_MIGRATION_PAUSE: Final = 0.05


class _Pool(BlockingConnectionPool):
    """Connections to one server; none of them outlives the log."""

    _closed = False

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        if self._closed:
            raise LogUnavailable(CLOSED)
        await super().ensure_connection(connection)

    async def release(self, connection: AbstractConnection) -> None:
        if self._closed:
            await connection.disconnect(nowait=True)
        await super().release(connection)

    async def aclose(self) -> None:
        self._closed = True
        # Those in use follow when they are released: redis-py fails in odd ways when
        # a connection is taken from a command, and a retry would make another.
        await self.disconnect(inuse_connections=False)


class _RoutedPool(_Pool):
    """Connections to where the log is now; those to where it was are not used again."""

    def __init__(self, route: Route, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(**options)
        self._route: Final = route

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        # A route leads over TCP, never to a Unix socket.
        there: Any = connection
        if there.is_connected and await self._is_stale(there):
            await there.disconnect()
        if there.is_connected:
            return
        # Closed, it finds nothing any more.
        there.host, there.port = await self._route.find()
        await there.connect()
        await there.send_command("ROLE")
        role = await there.read_response()
        if role[0] != b"master":
            # It would answer reads with what was, and ephemeral events with silence.
            await there.disconnect()
            raise exceptions.ConnectionError(f"{there.host}:{there.port} has become a replica")

    async def _is_stale(self, connection: Any) -> bool:  # noqa: ANN401
        if self._route.current != Address(connection.host, connection.port):
            return True
        try:
            return bool(await connection.can_read())
        except (exceptions.RedisError, OSError):
            return True


class Commands:
    """A client whose failures are `LogUnavailable`, and which follows the log.

    Args:
        url: where the log is.
        route: None if that is one server, for ever.
        timeout: seconds that connecting, or one command, may take.
    """

    def __init__(self, url: RedisURL, route: Route | None, timeout: float) -> None:
        self._route: Final = route
        self._timeout: Final = timeout
        options = {
            "max_connections": MAX_CONNECTIONS,
            "timeout": timeout,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            # redis-py would repeat an append that may have been stored.
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            **connection_options(url),
        }
        self.database: Final = int(options.get("db") or 0)
        pool = _Pool(**options) if route is None else _RoutedPool(route, **options)
        self.client: Final = Redis.from_pool(pool)
        self._pipeline: Final = Pipeline(url, route, timeout)

    async def call(self, *command: str | bytes | float, repeatable: bool = True) -> Any:  # noqa: ANN401 - a reply of Redis
        """Send one command over the connection that is made for many; as `run` does."""

        async def call() -> Any:  # noqa: ANN401
            return await (await self._pipeline.open()).call(*command)

        return await self.run(call, repeatable=repeatable)

    async def run_script(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Any],
        *,
        before: Callable[[], Sequence[Any]] = tuple,
        repeatable: bool = True,
    ) -> Any:  # noqa: ANN401 - a reply of Redis
        """Run `script` over the same connection; as `run` does.

        `before` gives the first of its arguments, anew for each try.
        """

        async def call() -> Any:  # noqa: ANN401
            connection = await self._pipeline.open()
            return await script.run(connection, keys, (*before(), *arguments))

        return await self.run(call, repeatable=repeatable)

    async def run(self, command: Callable[[], Awaitable[Any]], *, repeatable: bool = True) -> Any:  # noqa: ANN401 - a reply of Redis
        """Run `command`, again if it was certainly not run, or if again is safe.

        Raises:
            LogUnavailable: it could not be run, or it is unknown whether it was.
        """
        task = asyncio.current_task()
        cancelling = task.cancelling() if task is not None else 0
        try:
            answer = await self._run(command, repeatable=repeatable)
        except (exceptions.RedisError, OSError) as error:
            raise unavailable(error) from error
        # Under Python 3.11 `asyncio.wait_for`, which redis-py writes with, may
        # swallow a cancellation (python/cpython#86296).
        if task is not None and task.cancelling() > cancelling:
            raise asyncio.CancelledError
        return answer

    async def _run(self, command: Callable[[], Awaitable[Any]], *, repeatable: bool) -> Any:  # noqa: ANN401
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout
        moves = 0
        while True:
            try:
                return await _attempt(command)
            except exceptions.TimeoutError:
                raise  # as long again would be too long for who waits
            except exceptions.ConnectionError:
                if not repeatable:
                    raise
                repeatable = False
            except (exceptions.MovedError, exceptions.ReadOnlyError) as error:
                # Refused, so not run: the log is elsewhere.
                moves += 1
                if self._route is None or moves > _MAX_MOVES or not await self._follow(error):
                    raise
            except (exceptions.AskError, exceptions.TryAgainError):
                # Its slot is being moved: not run, and soon all of it is there.
                if clock() >= deadline:
                    raise
                await asyncio.sleep(_MIGRATION_PAUSE)

    async def _follow(self, error: Exception) -> bool:
        """Go to where a refusal says, or the route, the log is; False if that is nowhere else."""
        assert self._route is not None  # noqa: S101
        before = self._route.current
        if isinstance(error, exceptions.MovedError):
            # A node that does not know its own name leaves it out.
            host = error.host or (before.host if before is not None else "")
            self._route.moved(Address(host, error.port))
        else:
            await self._route.find()
            self._pipeline.retire()
            await self.client.connection_pool.disconnect(inuse_connections=False)
        return self._route.current != before

    async def close(self) -> None:
        """Let go of every connection; those of commands under way go when they end."""
        await self._pipeline.close()
        await self.client.aclose()


async def _attempt(command: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
    try:
        return await command()
    except RuntimeError as error:
        # What uvloop raises where asyncio says that a connection was reset; redis-py
        # hands it on. Nothing was written.
        if "handler is closed" not in str(error):
            raise
        raise exceptions.ConnectionError("the connection was lost") from error
