"""Jobs as a server sees them: asked for, looked at, cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from ..config.server_url import API
from ..config.settings import Settings
from ..errors import InvalidJSON, LogUnavailable, NotFound, TooManyJobs
from ..eventlog.base import EventLog
from ..eventlog.turns import Turns
from ..events.cursor import Cursor
from ..events.snapshot import Snapshot
from ..events.snapshot_size import Budget
from ..events.topic import JOBS, PROJECTS, job_of, job_topic, project_topic
from ..publishing.publisher import Publisher
from . import lifecycle
from .broker import create_broker
from .keys import FIRST
from .kinds import JobKind, find_kind
from .known_kinds import load_kinds
from .lifecycle import CANCEL_TASK, Attempt, Run
from .running import cancel_asked
from .runs import QUEUED_OPTION, RUN_OPTION, run_in
from .topics import PROJECT_OPTION, TOPICS_OPTION
from .waiting import count_workers, queue_of

#: States in which no worker has the job: it can be ended at once.
_WAITING: Final = ("queued", "retrying", "stalled")

#: Seconds that queueing may take before the client is asked to come back; with
#: `_REPORT_SECONDS`, less than most clients wait for an answer.
QUEUE_SECONDS: Final = 4.5
#: Seconds after which a client that found the queue full may find it otherwise.
FULL_SECONDS: Final = 5.0
#: Seconds in which to report to the readers of a job that it could not be queued.
_REPORT_SECONDS: Final = 0.5

#: Bytes of the snapshots in a list of jobs, about. Each may be some megabytes in the log,
#: so they are read one by one, and for one list at a time: publishes wait behind them.
_LIST_BYTES: Final = 1024 * 1024
#: Jobs that are looked at for a list of which somebody may see only some.
LOOKED_AT: Final = 1000
#: Seconds that a list waits for its turn.
_LIST_SECONDS: Final = 5.0
#: Seconds of a read after which a list leaves others as much time as it took.
_LONG_READ: Final = 0.005

_logger: Final = logging.getLogger(__name__)


#: Whether whoever asks may see, or change, a job: its topic, and that of its project.
Allows = Callable[[str, str | None], bool]


def to_anybody(_job: str, _project: str | None) -> bool:
    """Allow it."""
    return True


def unknown_job(job_id: str) -> NotFound:
    """The answer for a job that is not there, and for one that whoever asks may not see."""
    return NotFound(f"no job {job_id!r} is known; it may have been forgotten")


class Jobs:
    """Queues jobs, cancels them, and reports what became of them.

    Args:
        settings: whose ``redis_url`` says where jobs are queued.
        kinds: what may be asked for; by default all that are installed.
    """

    def __init__(
        self,
        settings: Settings,
        log: EventLog,
        publisher: Publisher,
        *,
        kinds: Mapping[str, JobKind] | None = None,
    ) -> None:
        self._settings: Final = settings
        self._log: Final = log
        self._publisher: Final = publisher
        self._kinds: Final = dict(kinds) if kinds is not None else load_kinds()
        self._broker: RedisBroker | None = None
        self._listing: Final = Turns(1, _LIST_SECONDS)

    async def submit(
        self, project_id: str, body: object, also: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Queue the job that `body` asks for: its ``kind`` and the kind's parameters.

        Its events go to the project and to the job, and to the topics in `also`; the
        caller has asked whether they may.

        ``last_event_id`` of the answer is the log's position before the job was
        queued: whoever reads on from there misses none of its events.

        Raises:
            InvalidInput: the body, the project's id, the kind, a parameter or
                the source is wrong.
            JobsUnavailable: this installation cannot run it.
            TooManyJobs: as many are queued as may be.
            LogUnavailable: Redis cannot be reached, or does not answer; the job
                will not run.
        """
        project = project_topic(project_id)
        if not isinstance(body, dict):
            raise InvalidJSON('the body must be a JSON object, as in {"kind": "transcode", …}')
        kind = find_kind(self._kinds, body.get("kind"))
        parameters = kind.read({name: body[name] for name in body if name != "kind"})
        if kind.check is not None:
            await asyncio.to_thread(kind.check, parameters, self._settings)
        broker = self._open_broker()
        message: Message[Any] = Message(
            queue_name=kind.options.get("queue_name", "default"),
            actor_name=kind.name,
            args=(),
            kwargs=msgspec.to_builtins(parameters),
            options={
                PROJECT_OPTION: project_id,
                QUEUED_OPTION: True,
                RUN_OPTION: FIRST,
                **({TOPICS_OPTION: list(also)} if also else {}),
            },
        )
        job_id = message.message_id
        run = Run((project, *also, job_topic(job_id)), kind.name)
        reported = False
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                head = await self._log.head()
                await self._refuse_if_full(broker, message.queue_name)
                reported = True
                queued = lifecycle.queued(run, message.queue_name)
                await queued.publish_with(self._publisher)
                await asyncio.to_thread(broker.enqueue, message)
        except TooManyJobs:
            raise
        except Exception as error:
            _logger.warning("job %s could not be queued: %r", job_id, error)
            if reported:
                await self._report_not_queued(run)
            if isinstance(error, LogUnavailable):
                raise
            raise LogUnavailable("Redis did not take the job; it is not queued") from error
        return _accepted(job_id, head, kind.name, await self._workers_of(message.queue_name))

    async def state(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """The state of a job, from its snapshot.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
        """
        snapshot = await self._snapshot(job_id, allows)
        return self._described(job_id, snapshot, await self._workers())

    async def recent(self, limit: int, allows: Allows | None = None) -> list[dict[str, Any]]:
        """The jobs with the newest events, the newest first; only those that are allowed.

        Where something is asked of each, no more than `LOOKED_AT` are looked at.
        """
        most = limit if allows is None else max(limit, LOOKED_AT)
        topics = [topic for topic in await self._log.topics(JOBS, most) if job_of(topic)]
        if not topics:
            return []
        workers = await self._workers()
        budget = Budget(min(limit, len(topics)), _LIST_BYTES)
        found: list[dict[str, Any]] = []
        async with self._listing:
            for topic in topics:
                snapshot = await self._listed(topic)
                if allows is None or allows(topic, snapshot.project):
                    job_id = topic.removeprefix(JOBS)
                    found.append(self._described(job_id, snapshot, workers, budget))
                    if len(found) == limit:
                        break
        return found

    async def _listed(self, topic: str) -> Snapshot:
        """The snapshot of `topic`; if it is large, not at the cost of those who publish."""
        clock = asyncio.get_running_loop().time
        start = clock()
        snapshot = (await self._log.snapshots([topic]))[topic]
        if (took := clock() - start) > _LONG_READ:
            await asyncio.sleep(took)
        return snapshot

    async def cancel(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """Cancel a job that waits, or ask the worker that runs it to; may be repeated.

        A job that is over is left as it is: its ``status`` says how it ended.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
        """
        snapshot = await self._snapshot(job_id, allows)
        id_ = run_in(snapshot) or FIRST
        run = Run(_topics_of(job_id, snapshot), self._kind_of(snapshot), id_)
        if snapshot.terminal is None and snapshot.status in _WAITING:
            last = Attempt(run, snapshot.attempt or 0)
            await lifecycle.cancelled(last).publish_with(self._publisher)
            snapshot = await self._snapshot(job_id)
        if snapshot.terminal is None and not cancel_asked(snapshot, id_):
            await lifecycle.cancelling(run).publish_with(self._publisher)
            snapshot = await self._snapshot(job_id)
        return self._described(job_id, snapshot, await self._workers())

    def close(self) -> None:
        """Close the connections to Redis."""
        if self._broker is not None:
            self._broker.client.close()

    def _open_broker(self) -> RedisBroker:
        if self._broker is None:
            self._broker = create_broker(self._settings)
        return self._broker

    async def _workers_of(self, queue: str) -> int | None:
        """How many take jobs from `queue`; None if that cannot be known now."""
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                return count_workers(await self._workers(), queue)
        except (LogUnavailable, TimeoutError):
            return None  # the job is queued all the same

    async def _refuse_if_full(self, broker: RedisBroker, queue: str) -> None:
        """Keep the jobs that anybody may ask for from filling the Redis that all depend on.

        Raises:
            TooManyJobs: as many wait or run as may.
        """
        most = self._settings.max_queued_jobs
        queued: int = await asyncio.to_thread(broker.do_qsize, queue)
        if queued >= most:
            raise TooManyJobs(
                f"{queued} jobs are queued; at most {most} may be. Try again when some are over",
                retry_after=FULL_SECONDS,
            )

    async def _snapshot(self, job_id: str, allows: Allows = to_anybody) -> Snapshot:
        topic = job_topic(job_id)
        snapshot = (await self._log.snapshots([topic]))[topic]
        # Asked before it is looked whether there is one: both take the same time.
        is_allowed = allows(topic, snapshot.project)
        if not is_allowed or (snapshot.status is None and not snapshot.tasks):
            raise unknown_job(job_id)
        return snapshot

    async def _workers(self) -> list[frozenset[str]]:
        return await self._log.workers.queues()

    def _described(
        self,
        job_id: str,
        snapshot: Snapshot,
        workers: list[frozenset[str]],
        budget: Budget | None = None,
    ) -> dict[str, Any]:
        queue = queue_of(snapshot) if snapshot.status == "queued" else None
        project = snapshot.project
        return {
            "job_id": job_id,
            "project_id": None if project is None else project.removeprefix(PROJECTS),
            "kind": self._kind_of(snapshot),
            "stream_url": _stream_url(job_id),
            "workers": None if queue is None else count_workers(workers, queue),
            **(budget or Budget(1)).fit(snapshot.to_fields()),
        }

    def _kind_of(self, snapshot: Snapshot) -> str | None:
        names = [name for name in snapshot.tasks if name != CANCEL_TASK]
        known = (name for name in names if name in self._kinds)
        return next(known, next(iter(names), None))

    async def _report_not_queued(self, run: Run) -> None:
        # It ends the job also for a worker, should the job be in the queue after all.
        refused = lifecycle.refused(run, "the job could not be queued")
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                await refused.publish_with(self._publisher)
        except (LogUnavailable, TimeoutError):
            _logger.warning("it could not be published that job %s is not queued", run.job_id)


def _accepted(job_id: str, head: Cursor, kind: str, workers: int | None) -> dict[str, Any]:
    nobody = "; no worker is running: start one with `streamer worker`" if workers == 0 else ""
    return {
        "task_id": job_id,
        "status": "queued",
        "message": f"Queued: {kind}{nobody}",
        "workers": workers,
        "stream_url": _stream_url(job_id),
        "last_event_id": str(head),
    }


def _stream_url(job_id: str) -> str:
    return f"{API}/jobs/{job_id}/stream"


def _topics_of(job_id: str, snapshot: Snapshot) -> tuple[str, ...]:
    project = snapshot.project
    own = job_topic(job_id)
    return (own,) if project is None else (project, own)
