"""Leases in Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from ..leases import MAX_FOUND, Lease
from .keys import Keys
from .stored import what_we_stored


class RedisLeases:
    """`Leases` in Redis, by leases.lua.

    Args:
        run: runs the script with KEYS and ARGV.
    """

    def __init__(self, keys: Keys, run: Callable[[list[str], list[Any]], Awaitable[Any]]) -> None:
        self._names: Final = [keys.lease_deadlines, keys.leases, keys.leases_looked]
        self._run: Final = run

    async def renew(self, leases: Sequence[Lease], seconds: float) -> None:
        """See `Leases.renew`."""
        arguments: list[Any] = ["renew", _milliseconds(seconds)]
        for lease in leases:
            described = msgspec.json.encode((lease.topics, lease.task_name))
            arguments += (lease.job_id, lease.attempt, described)
        if leases:
            await self._run(self._names, arguments)

    async def release(self, lease: Lease) -> None:
        """See `Leases.release`."""
        since = "" if lease.since is None else lease.since
        await self._run(self._names, ["release", lease.job_id, lease.attempt, since])

    async def lapsed(self, seconds: float, limit: int = MAX_FOUND) -> list[Lease]:
        """See `Leases.lapsed`."""
        pause = _milliseconds(seconds / 2)
        arguments = ["lapsed", _milliseconds(seconds), pause, limit]
        found = await self._run(self._names, arguments)
        with what_we_stored:
            return [_read(job, held) for job, held in found]


def _read(job: bytes, held: bytes) -> Lease:
    attempt, since, described = held.split(b" ", 2)
    topics, task_name = msgspec.json.decode(described, type=tuple[tuple[str, ...], str | None])
    return Lease(job.decode(), topics, int(attempt), task_name, int(since))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
