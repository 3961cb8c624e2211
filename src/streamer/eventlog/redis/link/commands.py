"""Commands to the server that takes the log's writes, wherever it is now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from redis import exceptions

from ....config.redis_url import RedisURL
from ..script import Script
from .connection import Reply
from .failures import unavailable
from .lent import Lent
from .pipeline import Pipeline
from .pipelined import PipelinedConnection
from .route import Address, Route, connection_options

#: Share of the timeout of a command that replicas have to acknowledge it; the
#: command itself needs some too.
_WAIT_SHARE: Final = 0.5
#: Times one command follows the log to another server before it gives up.
_MAX_MOVES: Final = 5
#: Seconds before a command is tried again while its slot is moved to another node.
_MIGRATION_PAUSE: Final = 0.05


class Commands:
    """What sends commands; its failures are `LogUnavailable`, and it follows the log.

    A command is run again if it was certainly not run, or if it is `repeatable`: if to
    run it twice is safe.

    Args:
        url: where the log is.
        route: None if that is one server, for ever.
        timeout: seconds that connecting, or one command, may take.
    """

    def __init__(self, url: RedisURL, route: Route | None, timeout: float) -> None:
        self._route: Final = route
        self._timeout: Final = timeout
        self.database: Final = int(connection_options(url).get("db") or 0)
        self._shared: Final = Pipeline(url, route, timeout)
        self._lent: Final = Lent(lambda: Pipeline(url, route, timeout), timeout)

    async def call(self, *command: str | bytes | float, repeatable: bool = True) -> Reply:
        """Send one command.

        Raises:
            LogUnavailable: it could not be run, or it is unknown whether it was.
        """
        return await self._run(
            self._shared, lambda connection: connection.call(*command), repeatable=repeatable
        )

    def run_script(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Any],
        *,
        before: Callable[[], Sequence[Any]] = tuple,
        repeatable: bool = True,
    ) -> Coroutine[Any, Any, Reply]:
        """Run `script`.

        `before` gives the first of its arguments, anew for each try.

        Raises:
            LogUnavailable: it could not be run, or it is unknown whether it was.
        """
        # Not a coroutine of its own, for it would be one more at each step of every append.
        return self._run(
            self._shared,
            lambda connection: script.run(connection, keys, (*before(), *arguments)),
            repeatable=repeatable,
        )

    async def run_and_wait(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Any],
        replicas: int,
        *,
        before: Callable[[], Sequence[Any]],
        repeatable: bool,
    ) -> tuple[Reply, int]:
        """Run `script` as `run_script` does; also how many of `replicas` have what it wrote."""
        milliseconds = int(self._timeout * 1000 * _WAIT_SHARE)
        # Waiting blocks the connection, so it cannot be the one that all share.
        async with self._lent.borrow() as pipeline:
            reply, acknowledged = await self._run(
                pipeline,
                lambda connection: script.run_and_wait(
                    connection, keys, (*before(), *arguments), replicas, milliseconds
                ),
                repeatable=repeatable,
            )
        return reply, acknowledged

    async def close(self) -> None:
        """Close every connection; commands under way are given a moment."""
        await asyncio.gather(self._shared.close(), self._lent.close())

    async def _run(
        self,
        pipeline: Pipeline,
        command: Callable[[PipelinedConnection], Awaitable[Reply]],
        *,
        repeatable: bool,
    ) -> Reply:
        try:
            return await self._try(pipeline, command, repeatable=repeatable)
        except (exceptions.RedisError, OSError) as error:
            raise unavailable(error) from error

    async def _try(
        self,
        pipeline: Pipeline,
        command: Callable[[PipelinedConnection], Awaitable[Reply]],
        *,
        repeatable: bool,
    ) -> Reply:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout
        moves = 0
        asked = None
        while True:
            try:
                connection = pipeline.at_hand or await pipeline.open()
                asked = connection.address
                return await command(connection)
            except exceptions.TimeoutError:
                raise  # as long again would be too long for who waits
            except exceptions.ConnectionError:
                if not repeatable:
                    raise
                repeatable = False
            except (exceptions.MovedError, exceptions.ReadOnlyError) as error:
                # Refused, so not run: the log is elsewhere.
                moves += 1
                if self._route is None or asked is None or moves > _MAX_MOVES:
                    raise
                if not await self._follow(self._route, error, asked, pipeline):
                    raise
            except (exceptions.AskError, exceptions.TryAgainError):
                # Its slot is being moved: not run, and soon all of it is there.
                if clock() >= deadline:
                    raise
                await asyncio.sleep(_MIGRATION_PAUSE)

    async def _follow(
        self, route: Route, error: Exception, refused: Address, pipeline: Pipeline
    ) -> bool:
        """Go to where a refusal says, or the route, the log is; False if still at `refused`."""
        if route.current == refused:
            if isinstance(error, exceptions.MovedError):
                # A node that does not know its own name leaves it out.
                route.moved(Address(error.host or refused.host, error.port))
            else:
                await route.find()
            self._shared.leave(refused)
            self._lent.leave(refused)
            pipeline.leave(refused)
        # Else it was refused late: others have followed the log meanwhile.
        return route.current != refused
