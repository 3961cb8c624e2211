"""Numbers of the whole log: its jobs, its queues, its workers; the same whoever is asked."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from ..errors import LogUnavailable
from ..eventlog.base import EventLog
from ..eventlog.glances import Glance
from ..events.job_event import STATUSES
from ..events.topic import JOBS
from ..jobs.kinds import QUEUE
from ..jobs.submit import Jobs
from ..jobs.waiting import count_workers
from . import families as f
from .numbers import Numbers

#: Jobs looked at, those with the newest events.
MOST_JOBS: Final = 1000
#: Values of a label that others give: kinds of job, queues.
MOST_LABELS: Final = 32
#: Seconds that what was found is said again, and seconds that finding it may take: whoever
#: scrapes gives up after ten by default, and all else on the page is there.
_FRESH: Final = 5.0
_PATIENCE: Final = 2.0


class OfLog:
    """Looks at the log when it is asked to, and every few seconds at most.

    Args:
        jobs: knows the kinds of job, and looks at their queues.
    """

    def __init__(self, log: EventLog, jobs: Callable[[], Jobs]) -> None:
        self._log: Final = log
        self._of_jobs: Final = jobs
        self._found = Numbers()
        self._looked = -math.inf
        self._looking = asyncio.Lock()

    async def numbers(self) -> Numbers:
        """What there is; nothing, if the log does not answer in time."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now - self._looked >= _FRESH:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        self._found = await self._look()
                except (LogUnavailable, TimeoutError):
                    self._found = Numbers()
                self._looked = asyncio.get_running_loop().time()
            return self._found

    async def _look(self) -> Numbers:
        numbers = Numbers()
        workers = await self._log.workers.queues()
        numbers.set(f.WORKERS, len(workers))
        for (kind, status), count in (await self._jobs()).items():
            numbers.set(f.JOBS, count, kind, status)
        others = {queue for worker in workers for queue in worker} - {QUEUE}
        queues = (QUEUE, *sorted(others)[: MOST_LABELS - 1])
        for queue, waiting in (await self._of_jobs().waiting(queues)).items():
            numbers.set(f.QUEUE_JOBS, waiting.jobs, queue)
            numbers.set(f.QUEUE_AGE, waiting.age, queue)
            numbers.set(f.QUEUE_WORKERS, count_workers(workers, queue), queue)
        return numbers

    async def _jobs(self) -> Counter[tuple[str, str]]:
        """How many jobs there are, by kind and state; of each known kind also where none is."""
        names = list((await self._of_jobs().names()).items())
        kinds_of = dict(sorted(names)[:MOST_LABELS])
        topics = list(await self._log.topics(JOBS, MOST_JOBS))
        glances = await self._log.glances.at(topics)
        found = Counter(
            (_kind_of(glance, kinds_of), glance.status)
            for glance in glances
            if glance.status is not None
        )
        kinds = {*kinds_of.values(), *(kind for kind, _ in found)}
        return Counter({(kind, state): found[kind, state] for kind in kinds for state in STATUSES})


def _kind_of(glance: Glance, kinds: Mapping[str, str]) -> str:
    return next((kinds[task] for task in glance.tasks if task in kinds), f.OTHER)
