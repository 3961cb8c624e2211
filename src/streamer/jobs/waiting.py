"""Finds jobs that wait though no worker takes them, and reports that on their streams."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from ..errors import LogUnavailable
from ..eventlog.base import EventLog
from ..events.snapshot import Snapshot
from ..events.topic import JOBS, job_of
from ..every import every
from ..publishing.publisher import Publisher
from . import lifecycle
from .keys import FIRST
from .lifecycle import QUEUE_FIELD, WAITING, Run, Transition
from .running import run_in

#: Seconds without a worker before the jobs that wait for one say so: as long as a
#: rolling restart may take, and no longer than a person waits without a word.
PATIENCE: Final = 5.0
#: Seconds between two looks.
_LOOK_SECONDS: Final = 2.0
#: Seconds between two looks at the jobs while there are workers, and none is missed:
#: only a queue that none of them takes jobs from could be found.
SELDOM_SECONDS: Final = 30.0
#: Jobs looked at, those with the newest events: what holds for one holds for its queue.
_MOST: Final = 50

_logger: Final = logging.getLogger(__name__)


def count_workers(workers: Iterable[frozenset[str]], queue: str) -> int:
    """How many of `workers` take jobs from `queue`."""
    return sum(queue in queues for queues in workers)


def queue_of(snapshot: Snapshot) -> str | None:
    """The queue that a job waits in, if it was reported."""
    queue = _last_event(snapshot).get("metadata", {}).get(QUEUE_FIELD)
    return queue if isinstance(queue, str) else None


class WaitingWatch:
    """Every server has one; idempotency keys see to it that one of them reports.

    Args:
        clock: seconds that never go back.
    """

    def __init__(
        self,
        log: EventLog,
        publisher: Publisher,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log: Final = log
        self._publisher: Final = publisher
        self._clock: Final = clock
        #: Since when each queue has had no worker.
        self._missed: dict[str, float] = {}
        self._looked = -math.inf

    async def run(self) -> None:
        """Look until cancelled."""
        await every(_LOOK_SECONDS, self._try, "looking for jobs without a worker", logger=_logger)

    async def _try(self) -> None:
        try:
            await self.look()
        except LogUnavailable:
            self._missed.clear()  # nor could a worker announce itself

    async def look(self) -> None:
        """Report of each job that waits whether there is a worker for it, when that changes.

        Raises:
            LogUnavailable: what is left is reported at the next look.
        """
        workers, now, before = await self._log.workers.queues(), self._clock(), self._missed
        if workers and not before and now < self._looked + SELDOM_SECONDS:
            return
        self._looked = now
        topics = [topic for topic in await self._log.topics(JOBS, _MOST) if job_of(topic)]
        # One by one: each may be some megabytes, and publishes wait behind them.
        snapshots = {topic: (await self._log.snapshots([topic]))[topic] for topic in topics}
        # Only Dramatiq's: whatever else queues jobs has workers of another kind.
        waiting = {
            topic: queue
            for topic, snapshot in snapshots.items()
            if snapshot.status == "queued" and (queue := queue_of(snapshot)) is not None
        }
        self._missed = {}
        for topic, queue in waiting.items():
            snapshot = snapshots[topic]
            if count_workers(workers, queue):
                if _is_told(snapshot):
                    await self._report(lifecycle.found_worker, topic, snapshot, queue)
                continue
            since = self._missed[queue] = before.get(queue, now)
            if now - since >= PATIENCE and not _is_told(snapshot):
                await self._report(lifecycle.waiting, topic, snapshot, queue)

    async def _report(
        self,
        transition: Callable[[Run, str, str], Transition],
        topic: str,
        snapshot: Snapshot,
        queue: str,
    ) -> None:
        last = _last_event(snapshot)
        project = snapshot.project
        topics = (topic,) if project is None else (project, topic)
        run = Run(topics, last.get("task_name"), run_in(snapshot) or FIRST)
        await transition(run, queue, str(last.get("id"))).publish_with(self._publisher)


def _is_told(snapshot: Snapshot) -> bool:
    return bool(_last_event(snapshot).get("status") == WAITING)


def _last_event(snapshot: Snapshot) -> dict[str, Any]:
    for body in reversed(snapshot.tasks.values()):
        event: dict[str, Any] = msgspec.json.decode(body)
        return event
    return {}
