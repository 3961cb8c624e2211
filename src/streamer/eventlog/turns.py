"""So many at a time, in the order in which they came, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Final, Self

from ..errors import LogUnavailable


class Turns:
    """An async context manager that lets `most` in at a time.

    Args:
        most: how many.
        timeout: seconds that one waits for its turn.
    """

    def __init__(self, most: int, timeout: float) -> None:
        self._free: Final = asyncio.Semaphore(most)
        self._timeout: Final = timeout

    async def __aenter__(self) -> Self:
        """Wait for a turn; raises `LogUnavailable` when it does not come in time."""
        try:
            async with asyncio.timeout(self._timeout if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError:
            raise LogUnavailable("too much is read at once; try again") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._free.release()
