"""Who is typing, in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..typing import MAX_FOUND, Typist


class MemoryTypists:
    """`Typists` as typing.lua keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock: Final = clock
        self._until: Final[dict[Typist, int]] = {}

    async def begin(self, typist: Typist, seconds: float) -> None:
        """See `Typists.begin`."""
        self._until[typist] = self._clock() + int(seconds * 1000)

    async def end(self, typist: Typist) -> bool:
        """See `Typists.end`."""
        return self._until.pop(typist, None) is not None

    async def lapsed(self) -> list[Typist]:
        """See `Typists.lapsed`."""
        now = self._clock()
        lapsed = [typist for typist, until in self._until.items() if until <= now][:MAX_FOUND]
        for typist in lapsed:
            del self._until[typist]
        return lapsed
