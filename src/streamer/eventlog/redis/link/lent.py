"""Connections that are lent to one command at a time, which may block them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from ....errors import LogUnavailable
from .pipeline import Pipeline
from .route import Address

#: Connections that are lent at the same time. Each waits a round trip to a replica, so
#: these are thousands of appends a second; more would only queue in Redis.
MAX_LENT: Final = 16


class Lent:
    """So many pipelines, each of one borrower at a time.

    Args:
        make: makes one; it connects when it is first used.
        timeout: seconds that one waits for a free one.
    """

    def __init__(self, make: Callable[[], Pipeline], timeout: float) -> None:
        self._all: Final = tuple(make() for _ in range(MAX_LENT))
        #: The last to come back goes first: no more are connected than are needed.
        self._free: Final = list(self._all)
        self._turns: Final = asyncio.Semaphore(MAX_LENT)
        self._timeout: Final = timeout

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Pipeline]:
        """Have one for as long as the context lasts.

        Raises:
            LogUnavailable: none came free in time.
        """
        try:
            async with asyncio.timeout(self._timeout if self._turns.locked() else None):
                await self._turns.acquire()
        except TimeoutError:
            raise LogUnavailable("too many appends wait for replicas; try again") from None
        for free in self._free:
            free.settle()  # if the log has moved, none stays behind
        pipeline = self._free.pop()
        try:
            yield pipeline
        finally:
            pipeline.settle()
            self._free.append(pipeline)
            self._turns.release()

    def leave(self, address: Address | None) -> None:
        """Leave what leads to `address` and is free.

        What is lent follows when it comes back: its borrower may be between two
        commands that belong together.
        """
        for free in self._free:
            free.leave(address)

    async def close(self) -> None:
        """Close all; commands under way are given a moment, all the same one."""
        await asyncio.gather(*(pipeline.close() for pipeline in self._all))
