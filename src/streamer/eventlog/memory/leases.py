"""The leases of running jobs in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from ..leases import MAX_FOUND, Lease


class _Held(NamedTuple):
    lease: Lease
    since: int
    deadline: float


class MemoryLeases:
    """`Leases` as leases.lua keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock: Final = clock
        self._held: dict[str, _Held] = {}
        self._looked: int | None = None

    async def renew(self, leases: Sequence[Lease], seconds: float) -> None:
        """See `Leases.renew`."""
        now = self._clock()
        for lease in leases:
            known = self._held.get(lease.job_id)
            if known is not None and known.lease.attempt > lease.attempt:
                continue
            same = known is not None and known.lease.attempt == lease.attempt
            since = known.since if known is not None and same else now
            self._held[lease.job_id] = _Held(lease, since, now + seconds * 1000)

    async def release(self, lease: Lease) -> None:
        """See `Leases.release`."""
        known = self._held.get(lease.job_id)
        if known is None or known.lease.attempt != lease.attempt:
            return
        if lease.since is None or lease.since == known.since:
            del self._held[lease.job_id]

    async def lapsed(self, seconds: float, limit: int = MAX_FOUND) -> list[Lease]:
        """See `Leases.lapsed`."""
        now = self._clock()
        looked, self._looked = self._looked, now
        if looked is None or not 0 <= now - looked <= seconds * 500:
            deadline = now + seconds * 1000
            set_back = looked is not None and now < looked
            for job, held in self._held.items():
                if set_back or held.deadline < deadline:
                    self._held[job] = held._replace(deadline=deadline)
            return []
        lapsed = [held for held in self._held.values() if held.deadline <= now]
        lapsed.sort(key=lambda held: held.deadline)
        return [replace(held.lease, since=held.since) for held in lapsed[:limit]]
