"""How jobs stand, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from ..glances import Glance
from .keys import Keys
from .link.commands import Commands
from .stored import what_we_stored

#: Jobs asked for at once: what is published meanwhile waits behind them.
_STEP: Final = 100


class RedisGlances:
    """`Glances` in Redis: one field of each snapshot, and the names of its tasks."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = keys
        self._commands: Final = commands

    async def at(self, topics: Sequence[str]) -> list[Glance]:
        """See `Glances.at`."""
        found: list[Glance] = []
        for start in range(0, len(topics), _STEP):
            step = topics[start : start + _STEP]
            found += await asyncio.gather(*map(self._at, step))
        return found

    async def _at(self, topic: str) -> Glance:
        status, tasks = await asyncio.gather(
            self._commands.call("HGET", self._keys.snapshot(topic), "status"),
            self._commands.call("HKEYS", self._keys.tasks(topic)),
        )
        with what_we_stored:
            return Glance(
                None if status is None else msgspec.json.decode(status, type=str | None),
                frozenset(task.decode() for task in tasks),
            )
