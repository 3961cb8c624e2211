"""Reports of processes in Redis."""

from __future__ import annotations

from typing import Final

from ..reports import MAX_PROCESSES, REPORT_TTL
from .keys import Keys
from .link.commands import Commands


class RedisReports:
    """`Reports` in Redis: a key for each process, and the set of their names."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = keys
        self._commands: Final = commands

    async def say(self, process: str, report: bytes) -> None:
        """See `Reports.say`."""
        # One after the other, and not as one: see `RedisEventLog.report_connections`.
        await self._commands.call("SET", self._keys.report(process), report, "PX", REPORT_TTL)
        if await self._commands.call("SADD", self._keys.reporting, process):
            # Whoever is new looks who is gone, or processes that crash would add up unasked.
            await self.all()

    async def withdraw(self, process: str) -> None:
        """See `Reports.withdraw`."""
        # What it said expires by itself.
        await self._commands.call("SREM", self._keys.reporting, process)

    async def all(self) -> list[bytes]:
        """See `Reports.all`."""
        known: list[bytes] = await self._commands.call("SMEMBERS", self._keys.reporting)
        names = sorted(name.decode() for name in known)[:MAX_PROCESSES]
        if not names:
            return []
        said: list[bytes | None] = await self._commands.call(
            "MGET", *(self._keys.report(name) for name in names)
        )
        gone = [name for name, report in zip(names, said, strict=True) if report is None]
        if gone:
            # One that speaks in this moment adds itself with the next time.
            await self._commands.call("SREM", self._keys.reporting, *gone)
        return [report for report in said if report is not None]
