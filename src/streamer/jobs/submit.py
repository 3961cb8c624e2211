"""Jobs as a server sees them: asked for, looked at, cancelled, run again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from ..config.settings import Settings
from ..errors import (
    InvalidJSON,
    JobConflict,
    JobsUnavailable,
    LogUnavailable,
    NotFound,
    TooManyJobs,
)
from ..eventlog.base import EventLog
from ..events.cursor import Cursor
from ..events.new_event import MAX_TOPICS
from ..events.snapshot import Snapshot
from ..events.topic import JOBS, job_topic, project_topic
from ..publishing.publisher import Publisher
from . import lifecycle
from .broker import create_broker
from .described import describe, kind_of, stream_url
from .kept import KeptMessages
from .keys import FIRST
from .kinds import JobKind, find_kind
from .known_kinds import load_kinds
from .lifecycle import Attempt, Run
from .listing import ALL, Allows, JobList, Listed, Wanted
from .running import cancel_asked
from .runs import QUEUED_OPTION, RUN_OPTION, run_in
from .topics import PROJECT_OPTION, TOPICS_OPTION
from .waiting import count_workers

#: States in which no worker has the job: it can be ended at once.
_WAITING: Final = ("queued", "retrying", "stalled")

#: What can be run again. What went well, or is not over, cannot.
AGAIN: Final = ("failed", "cancelled")

#: Seconds that queueing may take before the client is asked to come back; with
#: `_REPORT_SECONDS`, less than most clients wait for an answer.
QUEUE_SECONDS: Final = 4.5
#: Seconds after which a client that found the queue full may find it otherwise.
FULL_SECONDS: Final = 5.0
#: Seconds in which to report to the readers of a job that it could not be queued.
_REPORT_SECONDS: Final = 0.5

_logger: Final = logging.getLogger(__name__)


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
        self._list: Final = JobList(log, self._kinds)

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
        run = Run((project, *also, job_topic(message.message_id)), kind.name)
        return await self._queue(run, message)

    async def retry(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """Run a job again that failed or was cancelled, with what it was asked with.

        It is the same job: its events go on where they were. Asked for several times at
        once it is run again once. The answer is that of `submit`.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
            JobConflict: it is not over, or went well, or nobody knows what it was asked with.
            InvalidInput, JobsUnavailable: it cannot be done any more, as `submit` says.
            TooManyJobs, LogUnavailable: as `submit` says.
        """
        snapshot = await self._snapshot(job_id, allows)
        if snapshot.terminal is None or snapshot.status not in AGAIN:
            raise JobConflict(
                f"job {job_id} is {snapshot.status or 'not known to be over'}; only one that "
                "failed or was cancelled can be run again"
            )
        kept = self._kept()
        try:
            message = await asyncio.to_thread(kept.find, job_id)
        except redis.RedisError as error:
            raise LogUnavailable("Redis did not say what the job was asked with") from error
        if message is None:
            raise JobConflict(
                f"it is not known what job {job_id} was asked with: that is kept of jobs that "
                "were asked for over HTTP, as long as their events"
            )
        kind = find_kind(self._kinds, message.actor_name)
        if kind.check is not None:
            parameters = kind.read(message.kwargs)
            await asyncio.to_thread(kind.check, parameters, self._settings)
        run = Run(_topics_in(job_id, snapshot), kind.name, str(snapshot.terminal))
        message.options[RUN_OPTION] = run.id
        return await self._queue(run, message)

    async def _shown(self, job_id: str, snapshot: Snapshot) -> dict[str, Any]:
        """What is shown of a job, and whether it can be run again."""
        workers = await self._workers()
        retryable = snapshot.status in AGAIN and await self._may_retry(job_id)
        return {
            **describe(job_id, snapshot, self._kinds, workers),
            "retryable": retryable,
        }

    async def _may_retry(self, job_id: str) -> bool:
        """Whether it is known what a job was asked with; False if that cannot be known now."""
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                return await asyncio.to_thread(self._kept().has, job_id)
        except (JobsUnavailable, redis.RedisError, TimeoutError):
            return False

    async def state(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """The state of a job, from its snapshot.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
        """
        snapshot = await self._snapshot(job_id, allows)
        return await self._shown(job_id, snapshot)

    async def recent(
        self, limit: int, allows: Allows | None = None, wanted: Wanted = ALL
    ) -> Listed:
        """The jobs with the newest events, the newest first: what is wanted and allowed."""
        return await self._list.read(limit, allows, wanted)

    async def cancel(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """Cancel a job that waits, or ask the worker that runs it to; may be repeated.

        A job that is over is left as it is: its ``status`` says how it ended.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
        """
        snapshot = await self._snapshot(job_id, allows)
        id_ = run_in(snapshot) or FIRST
        run = Run(_topics_in(job_id, snapshot), kind_of(snapshot, self._kinds), id_)
        if snapshot.terminal is None and snapshot.status in _WAITING:
            last = Attempt(run, snapshot.attempt or 0)
            await lifecycle.cancelled(last).publish_with(self._publisher)
            snapshot = await self._snapshot(job_id)
        if snapshot.terminal is None and not cancel_asked(snapshot, id_):
            await lifecycle.cancelling(run).publish_with(self._publisher)
            snapshot = await self._snapshot(job_id)
        return await self._shown(job_id, snapshot)

    def close(self) -> None:
        """Close the connections to Redis."""
        if self._broker is not None:
            self._broker.client.close()

    async def _queue(self, run: Run, message: Message[Any]) -> dict[str, Any]:
        """Report `run` and enqueue `message`; a run that is not the first, once."""
        broker, kept, queue = self._open_broker(), self._kept(), message.queue_name
        reported = False
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                head = await self._log.head()
                await self._refuse_if_full(broker, queue)
                if run.id == FIRST:
                    await asyncio.to_thread(kept.keep, message)
                if run.id == FIRST or await asyncio.to_thread(kept.claim, run.name):
                    reported = True
                    await lifecycle.queued(run, queue).publish_with(self._publisher)
                    await asyncio.to_thread(broker.enqueue, message)
        except TooManyJobs:
            raise
        except Exception as error:
            _logger.warning("job %s could not be queued: %r", run.job_id, error)
            if reported:
                await self._report_not_queued(run)
                await self._unclaim(kept, run)
            if isinstance(error, LogUnavailable):
                raise
            raise LogUnavailable("Redis did not take the job; it is not queued") from error
        workers = await self._workers_of(queue)
        return _accepted(run.job_id, head, message.actor_name, workers)

    def _kept(self) -> KeptMessages:
        broker = self._open_broker()
        age = self._settings.retention_policy().of(JOBS.rstrip("/")).max_age
        return KeptMessages(broker.client, broker.namespace, age)

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

    async def _unclaim(self, kept: KeptMessages, run: Run) -> None:
        with contextlib.suppress(redis.RedisError, TimeoutError):
            async with asyncio.timeout(_REPORT_SECONDS):
                await asyncio.to_thread(kept.unclaim, run.name)

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
        "stream_url": stream_url(job_id),
        "last_event_id": str(head),
    }


def _topics_in(job_id: str, snapshot: Snapshot) -> tuple[str, ...]:
    """Where the events of a job go: where those that its snapshot has went; its own is last."""
    own = job_topic(job_id)
    bodies = map(msgspec.json.decode, snapshot.tasks.values())
    topics = [topic for body in bodies for topic in body.get("topics", ())]
    # The project first: an event's first topic is the one that it names.
    found = dict.fromkeys(filter(None, (snapshot.project, *topics)))
    return (*[topic for topic in found if topic != own][: MAX_TOPICS - 1], own)
