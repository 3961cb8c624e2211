"""When the parts of an app begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from litestar.types import ASGIApp, Receive, Scope, Send

from .access.revocations import Revocations
from .api.connections import Census
from .eventlog.base import EventLog
from .hub.hub import Hub

#: Seconds from its beginning on that requests wait until it is known which tokens were
#: revoked; then those that need it are refused. A log that is there answers in a few
#: milliseconds; while it is away, a probe that asks for no token must not wait each time.
_REVOCATIONS_WAIT: Final = 2.0


class Work(Protocol):
    """What goes on beside the requests."""

    async def run(self) -> None:
        """Do it, until cancelled."""


class Life:
    """Begins with the server, or else with the first request.

    An app that is mounted in another has no lifespan: Starlette, FastAPI and
    Litestar run that of the outer app alone. It then ends with its event loop.

    Args:
        revocations: what is looked at before anybody is let in; None where nobody is
            asked who they are.
        close_door: lets go of what the door holds.
    """

    def __init__(
        self,
        log: EventLog,
        hub: Hub,
        census: Census,
        watches: Sequence[Work],
        *,
        revocations: Revocations | None,
        close_door: Callable[[], Awaitable[None]],
    ) -> None:
        self._log: Final = log
        self._hub: Final = hub
        self._census: Final = census
        self._revocations: Final = revocations
        self._close_door: Final = close_door
        self._works: Final[list[Work]] = [census, *watches]
        if revocations is not None:
            self._works.append(revocations)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waits_until = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def has_begun(self) -> bool:
        """Whether requests wait for nothing, on the event loop that it is of."""
        return self._loop is not None and not self._must_wait()

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
        self._waits_until = loop.time() + _REVOCATIONS_WAIT
        self._hub.start()
        self._tasks = [loop.create_task(work.run()) for work in self._works]

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
            await self._know_what_is_revoked()
            yield
        finally:
            await self.end()

    def at_first_request(self, app: ASGIApp) -> ASGIApp:
        """Return `app`, which begins with its first request if it has not begun before."""

        def begun(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            self.begin()
            if self._must_wait():
                return first(scope, receive, send)
            return app(scope, receive, send)

        async def first(scope: Scope, receive: Receive, send: Send) -> None:
            await self._know_what_is_revoked()
            await app(scope, receive, send)

        return begun

    def _must_wait(self) -> bool:
        if self._revocations is None or self._revocations.are_known:
            return False
        return asyncio.get_running_loop().time() < self._waits_until

    async def _know_what_is_revoked(self) -> None:
        if self._revocations is not None:
            left = self._waits_until - asyncio.get_running_loop().time()
            await self._revocations.known(max(0.0, left))
