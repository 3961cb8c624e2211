"""Announcements of workers in Redis."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from ..workers import WORKER_TTL
from .keys import Keys
from .link.commands import Commands


class RedisWorkers:
    """`Workers` in Redis: a key for each worker, and the set of their names."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = keys
        self._commands: Final = commands

    async def announce(self, worker: str, queues: Collection[str]) -> None:
        """See `Workers.announce`."""
        said = msgspec.json.encode(sorted(queues))
        # One after the other, and not as one: see `RedisEventLog.report_connections`.
        await self._commands.call("SET", self._keys.worker(worker), said, "PX", WORKER_TTL)
        if await self._commands.call("SADD", self._keys.workers, worker):
            await self.queues()  # likewise

    async def withdraw(self, worker: str) -> None:
        """See `Workers.withdraw`."""
        # What it announced expires by itself.
        await self._commands.call("SREM", self._keys.workers, worker)

    async def queues(self) -> list[frozenset[str]]:
        """See `Workers.queues`."""
        known: list[bytes] = await self._commands.call("SMEMBERS", self._keys.workers)
        names = sorted(name.decode() for name in known)
        if not names:
            return []
        said = await self._commands.call("MGET", *(self._keys.worker(name) for name in names))
        gone = [name for name, queues in zip(names, said, strict=True) if queues is None]
        if gone:
            # One that announces itself in this moment adds itself with the next time.
            await self._commands.call("SREM", self._keys.workers, *gone)
        return [msgspec.json.decode(queues, type=frozenset[str]) for queues in said if queues]
