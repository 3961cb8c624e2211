"""Leases of running jobs: who holds one shows signs of life; one that lapses is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from .keys import Keys
from .stored import what_we_stored

#: Lapsed leases found in one look; the next look finds more.
MAX_FOUND: Final = 100


class Lease(msgspec.Struct, frozen=True):
    """The sign of life of one attempt of a job.

    Attributes:
        job_id: the job; of a later run than its first, the run's name.
        topics: where the job is told.
        since: milliseconds, by the log's clock, since which it has been held
            without a lapse being told; of a lease that was found, else None.
    """

    job_id: str
    topics: tuple[str, ...]
    attempt: int
    task_name: str | None = None
    since: int | None = None


class Leases(Protocol):
    """One lease for each running job, kept beside the log and judged by its clock.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def renew(self, leases: Sequence[Lease], seconds: float) -> None:
        """Hold these leases for `seconds` from now; all of a worker's in one call.

        A lease that a later attempt of the same job holds is left as it is.
        """

    async def release(self, lease: Lease) -> None:
        """Hold `lease` no longer; nothing happens if another attempt holds it.

        One that was found lapsed is left if its lapse was told before, and it
        has been held anew since.
        """

    async def lapsed(self, seconds: float, limit: int = MAX_FOUND) -> list[Lease]:
        """Find leases that nobody renewed in time, each until it is released.

        Call it several times in `seconds`, in one process or many. When nobody
        did for half of `seconds`, the log itself may have been away, and nobody
        could renew: then all leases are held for `seconds` from now, or longer.
        """


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
