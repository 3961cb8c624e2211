"""Finds jobs whose worker shows no sign of life, and reports each once."""

from __future__ import annotations

import logging
from typing import Final

from ..eventlog.base import EventLog
from ..events.snapshot import Snapshot
from ..events.topic import JOBS
from ..every import every
from ..publishing.publisher import Publisher
from . import lifecycle
from .keys import run_named
from .lifecycle import Attempt, Run
from .running import cancel_asked, run_in

#: Seconds between two looks, at most.
_LOOK_SECONDS: Final = 1.0
#: Looks in the time that a lease is held, at least: `Leases.lapsed` wants several.
_LOOKS: Final = 8

_logger: Final = logging.getLogger(__name__)


class StallWatch:
    """Every server has one; the log sees to it that only one of them reports a job.

    Args:
        lease_seconds: how long a worker holds the lease of a job.
    """

    def __init__(self, log: EventLog, publisher: Publisher, lease_seconds: float) -> None:
        self._log: Final = log
        self._publisher: Final = publisher
        self._seconds: Final = lease_seconds

    async def run(self) -> None:
        """Look until cancelled."""
        pause = min(_LOOK_SECONDS, self._seconds / _LOOKS)
        # While the log is away nobody is stalled: `Leases.lapsed` knows what that means.
        await every(pause, self.look, "looking for stalled jobs", logger=_logger)

    async def look(self) -> None:
        """Report each job whose lease has lapsed, unless it has been reported.

        Raises:
            LogUnavailable: what is left is reported at the next look.
        """
        for lease in await self._log.leases.lapsed(self._seconds):
            topic = lease.topics[-1]
            snapshot = (await self._log.snapshots([topic]))[topic]
            run = run_named(lease.job_id, topic.removeprefix(JOBS))
            is_open = run_in(snapshot) == run and _is_open(snapshot, lease.attempt)
            attempt = Attempt(Run(lease.topics, lease.task_name, run), lease.attempt)
            # Reported first: if we die in between, another server does it with the same key.
            if is_open and cancel_asked(snapshot, run):
                # Nobody is there to stop it; when it is delivered again it is not started.
                await lifecycle.cancelled(attempt).publish_with(self._publisher)
                is_open = False
            elif is_open and snapshot.status != "stalled":
                stalled = lifecycle.stalled(attempt, self._seconds, lease.since)
                await stalled.publish_with(self._publisher)
            await self._log.leases.release(lease)
            if is_open:
                # The worker may come back for a moment, and be gone again before it
                # has taken the lease.
                await self._log.leases.renew([lease], self._seconds)


def _is_open(snapshot: Snapshot, attempt: int) -> bool:
    """Whether the job is in that attempt, as far as it has been reported."""
    if snapshot.status is None or snapshot.terminal is not None:
        return False
    reported = snapshot.attempt or 0
    return reported < attempt or (reported == attempt and snapshot.status != "retrying")
