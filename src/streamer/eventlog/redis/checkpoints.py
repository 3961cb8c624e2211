"""Checkpoints of jobs in Redis."""

from __future__ import annotations

from typing import Final

from ...events.topic import job_topic
from ..checkpoints import NONE
from ..lifetimes import SILENT_TTL
from .keys import Keys
from .link.commands import Commands
from .rules import RedisRules
from .script import Script
from .stored import what_we_stored

_KEEP: Final = Script("rights.lua", "checkpoint.lua")


class RedisCheckpoints:
    """`Checkpoints` in Redis, by checkpoint.lua: a key for each job, that expires."""

    def __init__(self, keys: Keys, commands: Commands, rules: RedisRules) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._rules: Final = rules

    async def keep(
        self, job_id: str, run: str, attempt: int, value: bytes, *, unless: tuple[str, str]
    ) -> None:
        """See `Checkpoints.keep`."""
        age = self._rules.current.retention.of(job_topic(job_id)).max_age
        kept = int(age * 1000) + SILENT_TTL
        await self._commands.run_script(
            _KEEP,
            (self._keys.checkpoint(job_id), self._keys.idempotency(*unless)),
            (attempt, run, value, kept),
        )

    async def find(self, job_id: str) -> bytes | None:
        """See `Checkpoints.find`."""
        found: bytes | None = await self._commands.call("GET", self._keys.checkpoint(job_id))
        if not found:
            return None
        with what_we_stored:
            _, _, value = found.split(b" ", 2)
            return None if value == NONE else value
