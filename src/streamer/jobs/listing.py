"""Lists of jobs: those of a project, in some states, with some words, after a place."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Self

from ..errors import InvalidParameter
from ..eventlog.base import EventLog, Place
from ..eventlog.turns import Turns
from ..events.job_event import STATUSES
from ..events.snapshot import Snapshot
from ..events.snapshot_size import Budget
from ..events.topic import JOBS, job_of, project_topic
from .described import describe

#: Bytes of the snapshots in a list of jobs, about. Each may be some megabytes in the log,
#: so they are read one by one, and for one list at a time: publishes wait behind them.
_LIST_BYTES: Final = 1024 * 1024
#: Jobs that are looked at for a list that does not have all of them.
LOOKED_AT: Final = 1000
#: Seconds that a list waits for its turn.
_LIST_SECONDS: Final = 5.0
#: Seconds of a read after which a list leaves others as much time as it took.
_LONG_READ: Final = 0.005

#: Whether whoever asks may see, or change, a job: its topic, and that of its project.
Allows = Callable[[str, str | None], bool]

#: Characters of a search, more than anybody types.
MAX_QUERY: Final = 200
_PLACE: Final = re.compile(r"([0-9]{1,15}):([A-Za-z0-9_.~-]{1,64})")


class Wanted(NamedTuple):
    """What somebody wants to see of the jobs.

    Attributes:
        project: the topic of the project; None for all, and those of none.
        statuses: any of these; all where there is none.
        words: each is somewhere in a job's id, project, name, message or error,
            in capitals or not.
        before: where the list before this one ended.
    """

    project: str | None = None
    statuses: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    before: Place | None = None

    @classmethod
    def read(
        cls, project: str | None, statuses: tuple[str, ...], query: str | None, before: str | None
    ) -> Self:
        """Read what a URL says.

        Raises:
            InvalidInput: naming what is wrong, and what is allowed.
        """
        for status in statuses:
            if status not in STATUSES:
                raise InvalidParameter(
                    f"status is {status[:40]!r}; it must be one of: {', '.join(STATUSES)}"
                )
        if query is not None and len(query) > MAX_QUERY:
            raise InvalidParameter(
                f"q has {len(query)} characters; it may have {MAX_QUERY} at most"
            )
        return cls(
            None if project is None else project_topic(project),
            frozenset(statuses),
            tuple((query or "").casefold().split()),
            None if before is None else _place(before),
        )

    @property
    def is_all(self) -> bool:
        """Whether every job is wanted."""
        return self.project is None and not self.statuses and not self.words

    def has(self, job_id: str, snapshot: Snapshot) -> bool:
        """Whether the job is one of those."""
        if self.project is not None and snapshot.project != self.project:
            return False
        if self.statuses and snapshot.status not in self.statuses:
            return False
        if not self.words:
            return True
        said = (job_id, snapshot.project, *snapshot.tasks, snapshot.message, snapshot.error)
        text = "\n".join(each for each in said if each is not None).casefold()
        return all(word in text for word in self.words)


#: Every job.
ALL: Final = Wanted()


class Listed(NamedTuple):
    """One list of jobs: ``next`` is where the next one begins, None if this was the last."""

    jobs: list[dict[str, Any]]
    next: str | None


class JobList:
    """Reads lists of jobs."""

    def __init__(self, log: EventLog) -> None:
        self._log: Final = log
        self._turns: Final = Turns(1, _LIST_SECONDS)

    async def read(
        self, limit: int, allows: Allows | None, wanted: Wanted, kinds: Mapping[str, str]
    ) -> Listed:
        """The jobs with the newest events, the newest first: what is wanted and allowed.

        `kinds` are those known, by the task of their events.

        Where something is asked of each, no more than `LOOKED_AT` are looked at; the
        list then ends there, and says where to go on.
        """
        is_asked = allows is not None or not wanted.is_all
        most = max(limit, LOOKED_AT) if is_asked else limit
        # One more says whether there are any.
        places = list((await self._log.topics(JOBS, most + 1, wanted.before)).items())
        if not places:
            return Listed([], None)
        workers = await self._log.workers.queues()
        budget = Budget(min(limit, len(places)), _LIST_BYTES)
        found: list[dict[str, Any]] = []
        async with self._turns:
            for number, (topic, at) in enumerate(places[:most], start=1):
                if (job_id := job_of(topic)) is None:
                    continue
                snapshot = await self._snapshot(topic)
                if snapshot.status is None:  # it has expired, or was deleted
                    continue
                if allows is not None and not allows(topic, snapshot.project):
                    continue
                if not wanted.has(job_id, snapshot):
                    continue
                found.append(describe(job_id, snapshot, kinds, workers, budget))
                if len(found) == limit:
                    return Listed(found, _place_text(topic, at) if number < len(places) else None)
        return Listed(found, _place_text(*places[most - 1]) if len(places) > most else None)

    async def _snapshot(self, topic: str) -> Snapshot:
        """The snapshot of `topic`; if it is large, not at the cost of those who publish."""
        clock = asyncio.get_running_loop().time
        start = clock()
        snapshot = (await self._log.snapshots([topic]))[topic]
        if (took := clock() - start) > _LONG_READ:
            await asyncio.sleep(took)
        return snapshot


def _place_text(topic: str, at: int) -> str:
    """The place of a job's topic in the list, as clients repeat it."""
    return f"{at}:{topic.removeprefix(JOBS)}"


def _place(text: str) -> Place:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidParameter(
            f"before is {text[:40]!r}; it must be what `next` of another list says, as it is"
        )
    return int(match[1]), JOBS + match[2]
