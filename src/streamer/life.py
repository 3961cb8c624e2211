"""When the parts of an app begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from .api.connections import Census
from .eventlog.base import EventLog
from .hub.hub import Hub
from .jobs.stalls import StallWatch
from .jobs.waiting import WaitingWatch


class Life:
    """Begins with the server, or else with the first request.

    An app that is mounted in another has no lifespan: Starlette, FastAPI and
    Litestar run that of the outer app alone. It then ends with its event loop.
    """

    def __init__(
        self,
        log: EventLog,
        hub: Hub,
        census: Census,
        watches: tuple[StallWatch, WaitingWatch],
        close_door: Callable[[], Awaitable[None]],
    ) -> None:
        self._log: Final = log
        self._hub: Final = hub
        self._census: Final = census
        self._watches: Final = watches
        self._close_door: Final = close_door
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begin on the running event loop, unless it has begun.

        Raises:
            RuntimeError: it has, on another: connections and readers are of one loop.
        """
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._loop is not None:
            raise RuntimeError(
                "this app was begun on another event loop; run it on one, as in "
                "`with TestClient(app) as client:`, or make an app for each"
            )
        self._loop = loop
        self._hub.start()
        self._tasks = [loop.create_task(work.run()) for work in (self._census, *self._watches)]

    async def end(self) -> None:
        """Close everything; it does not begin again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._census.withdraw()
        await self._hub.close()
        await self._close_door()
        await self._log.close()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """From the startup of a server to its shutdown."""
        self.begin()
        try:
            yield
        finally:
            await self.end()

    def at_first_request(self, app: ASGIApp) -> ASGIApp:
        """Return `app`, which begins with its first request if it has not begun before."""

        def begun(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            self.begin()
            return app(scope, receive, send)

        return begun
