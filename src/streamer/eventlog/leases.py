"""Leases of running jobs: a worker that holds one shows signs of life; one that lapses is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

#: Lapsed leases found in one look; the next look finds more.
MAX_FOUND: Final = 100


class Lease(msgspec.Struct, frozen=True):
    """The sign of life of one attempt of a job.

    Attributes:
        job_id: the job; of a later run than its first, the run's name.
        topics: where the job is reported.
        since: milliseconds, by the log's clock, since which it has been held
            without a reported lapse; of a lease that was found, else None.
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

        One that was found lapsed is left if its lapse was reported before, and it
        has been held again since.
        """

    async def lapsed(self, seconds: float, limit: int = MAX_FOUND) -> list[Lease]:
        """Find leases that nobody renewed in time, each until it is released.

        Call it several times in `seconds`, in one process or many. When nobody
        did for half of `seconds`, the log itself may have been away, and nobody
        could renew: then all leases are held for `seconds` from now, or longer.
        """
