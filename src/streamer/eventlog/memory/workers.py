"""Which workers there are, in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from ..workers import WORKER_TTL


class MemoryWorkers:
    """`Workers` as `RedisWorkers` keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock: Final = clock
        self._known: dict[str, tuple[int, frozenset[str]]] = {}

    async def announce(self, worker: str, queues: Collection[str]) -> None:
        """See `Workers.announce`."""
        self._known[worker] = (self._clock() + WORKER_TTL, frozenset(queues))

    async def withdraw(self, worker: str) -> None:
        """See `Workers.withdraw`."""
        self._known.pop(worker, None)

    async def queues(self) -> list[frozenset[str]]:
        """See `Workers.queues`."""
        now = self._clock()
        self._known = {name: said for name, said in self._known.items() if now < said[0]}
        return [queues for _, queues in self._known.values()]
