"""An event log whose answers wait until a test lets them through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streamer.events.cursor import Cursor
from streamer.events.page import Page
from streamer.events.snapshot import Snapshot

from .listening import InterceptingEventLog


class PausingEventLog(InterceptingEventLog):
    """An event log that is slow where and for as long as a test wants.

    While `pausing`, each read waits twice: before the log is asked, and before
    the answer is handed on.
    """

    pausing: bool = False

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._waiting: list[asyncio.Future[None]] = []
        #: Reads asked of the log: topics and cursor.
        self.reads: list[tuple[tuple[str, ...], Cursor]] = []

    @property
    def waiting(self) -> int:
        """How many reads wait now."""
        return len(self._waiting)

    def let_one(self, number: int = 0) -> None:
        """Let the read that stands at `number` in the line go on, up to its next stop."""
        if self._waiting:
            future = self._waiting.pop(number % len(self._waiting))
            if not future.done():
                future.set_result(None)

    def let_all(self) -> None:
        """Let every read go on, and pause no more."""
        self.pausing = False
        while self._waiting:
            self.let_one()

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        await self._wait()
        self.reads.append((tuple(topics), after))
        page = await super().read(topics, after, limit)
        await self._wait()
        return page

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        await self._wait()
        found = await super().snapshots(topics)
        await self._wait()
        return found

    async def _wait(self) -> None:
        if self.pausing:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
