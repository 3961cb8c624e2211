"""Jobs as a server sees them: asked for, looked at, cancelled, run again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from ..config.settings import Settings
from ..errors import (
    InvalidFields,
    InvalidJSON,
    JobConflict,
    JobsUnavailable,
    LogUnavailable,
    NotFound,
    StreamerError,
    TooManyJobs,
)
from ..eventlog.base import EventLog
from ..events.cursor import ORIGIN, Cursor
from ..events.new_event import MAX_TOPICS
from ..events.snapshot import Snapshot
from ..events.topic import JOBS, job_topic, project_topic
from ..publishing.publisher import Publisher
from ..tracing.spans import queueing
from . import lifecycle
from .askable import Askable
from .backlog import Backlog, Waiting
from .broker import create_broker
from .described import describe, stream_url, task_of
from .kept import KeptMessages
from .keys import FIRST, queued_key
from .kinds import JobKind
from .known_kinds import load_kinds
from .lifecycle import Attempt, Run
from .listing import ALL, Allows, JobList, Listed, Wanted
from .message_trace import mark_trace
from .offers import OfferedKind, Offers
from .owed_answer import ANSWER_OPTION
from .parameters import PROJECT
from .running import cancel_asked, run_in
from .runs import QUEUED_OPTION, RUN_OPTION
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

#: Seconds between two looks whether another request has queued a job.
_LOOK_SECONDS: Final = 0.05
#: The error of a job that was never in a queue.
NOT_QUEUED: Final = "the job could not be queued"

_logger: Final = logging.getLogger(__name__)


def to_anybody(_job: str, _project: str | None) -> bool:
    """Allow it."""
    return True


def unknown_answer(answer: str) -> NotFound:
    """The answer for an answer that is not there, or not of that conversation."""
    return NotFound(f"no answer {answer[:80]!r} of this conversation is known")


def unknown_job(job_id: str) -> NotFound:
    """The answer for a job that is not there, and for one that whoever asks may not see."""
    detail = f"no job {job_id!r} is known; it may have been forgotten"
    return NotFound(detail, topic=JOBS + job_id)


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
        installed = dict(kinds) if kinds is not None else load_kinds()
        self._askable: Final = Askable(installed, self._offers)
        self._broker: RedisBroker | None = None
        self._list: Final = JobList(log)

    async def submit(
        self,
        project_id: str,
        body: object,
        also: tuple[str, ...] = (),
        *,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Queue the job that `body` asks for: its ``kind`` and the kind's parameters.

        Its events go to the project and to the job, and to the topics in `also`; the
        caller has asked whether they may. Asked again with the same `key`, within a day,
        it queues nothing: the answer is that of the first time.

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
        kind = await self._askable.find(body.get("kind"))
        parameters = kind.read({name: body[name] for name in body if name != "kind"})
        if kind.check is not None:
            await asyncio.to_thread(kind.check, parameters, self._settings)
        takes_project = isinstance(kind, OfferedKind) and kind.takes_project
        message: Message[Any] = Message(
            queue_name=kind.queue,
            actor_name=kind.actor,
            args=(),
            kwargs={
                **msgspec.to_builtins(parameters),
                **({PROJECT: project_id} if takes_project else {}),
            },
            options={
                PROJECT_OPTION: project_id,
                QUEUED_OPTION: True,
                RUN_OPTION: FIRST,
                **({TOPICS_OPTION: list(also)} if also else {}),
            },
            message_id=str(uuid.uuid4()) if key is None else _id_by(project, key),
        )
        run = Run((project, *also, job_topic(message.message_id)), kind.actor)
        if key is None:
            return await self._queue(run, message, kind)
        return await self._queue_once(run, message, kind)

    async def _queue_once(self, run: Run, message: Message[Any], kind: JobKind) -> dict[str, Any]:
        """Do as `_queue` does, or answer as it did, if the run is queued already.

        One that could not be queued, as its events say, is queued now.
        """
        kept = self._kept()
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                while not await asyncio.to_thread(kept.claim, run.name):
                    if (accepted := await self._accepted_before(run, kind)) is not None:
                        return accepted
                    await asyncio.sleep(_LOOK_SECONDS)  # another request is queueing it
                if (accepted := await self._accepted_before(run, kind)) is not None:
                    return accepted
        except (redis.RedisError, TimeoutError) as error:
            raise LogUnavailable("Redis did not say whether the job is queued") from error
        snapshot = (await self._log.snapshots([run.topics[-1]]))[run.topics[-1]]
        if snapshot.terminal is not None:
            run = run._replace(id=str(snapshot.terminal))
            message.options[RUN_OPTION] = run.id
        try:
            return await self._queue(run, message, kind)
        except StreamerError:
            await self._unclaim(kept, run._replace(id=FIRST))
            raise

    async def _accepted_before(self, run: Run, kind: JobKind) -> dict[str, Any] | None:
        """What was answered when the run was queued; None if it is not."""
        topic = run.topics[-1]
        page = await self._log.read([topic], ORIGIN, 1)
        snapshot = (await self._log.snapshots([topic]))[topic]
        if snapshot.status is None or (snapshot.error == NOT_QUEUED and snapshot.attempt is None):
            return None
        first = page.events[0].id if page.events else None
        before = snapshot.cursor if first is None else first.before()
        return _accepted(run.job_id, before, kind, await self._workers_of(kind.queue))

    async def kind(self, name: str) -> JobKind:
        """The kind of that name, also of the server's own.

        Raises:
            UnknownJobKind: there is none.
            LogUnavailable: Redis does not say.
        """
        return await self._askable.find(name, own=True)

    async def ask(
        self,
        kind: JobKind,
        parameters: msgspec.Struct,
        job_id: str,
        answers: tuple[str, str] | None = None,
    ) -> None:
        """Queue a job that the server itself wants, which has no project; once, by its id.

        If it `answers` a message, of a topic, whoever waits for that is told also where the job
        says nothing.

        Raises:
            InvalidFields: one of that kind has a project.
            JobsUnavailable: this installation cannot run it.
            TooManyJobs, LogUnavailable: as `submit` says.
        """
        if isinstance(kind, OfferedKind) and kind.takes_project:
            raise InvalidFields(f"a {kind.name} job takes a {PROJECT}, and here there is none")
        run = Run((job_topic(job_id),), kind.actor)
        if await self._log.known_keys(run.topics[0], [queued_key(run.name)]):
            return
        kept = self._kept()
        try:
            if not await asyncio.to_thread(kept.claim, run.name):
                return
        except redis.RedisError as error:
            raise LogUnavailable("Redis did not take the job; it is not queued") from error
        message: Message[Any] = Message(
            queue_name=kind.queue,
            actor_name=kind.actor,
            args=(),
            kwargs=msgspec.to_builtins(parameters),
            options={
                QUEUED_OPTION: True,
                RUN_OPTION: FIRST,
                **({} if answers is None else {ANSWER_OPTION: answers}),
            },
            message_id=job_id,
        )
        try:
            await self._queue(run, message, kind)
        except StreamerError:
            await self._unclaim(kept, run)
            raise

    async def asked_with(self, job_id: str) -> dict[str, Any] | None:
        """The parameters that a job was asked with, as far as that is known."""
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                message = await asyncio.to_thread(self._kept().find, job_id)
        except (redis.RedisError, TimeoutError):
            return None
        return None if message is None else dict(message.kwargs)

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
        kind = await self._askable.find_of(message.actor_name)
        if kind.check is not None:
            parameters = kind.read(message.kwargs)
            await asyncio.to_thread(kind.check, parameters, self._settings)
        elif isinstance(kind, OfferedKind):  # its actor may have changed since
            kind.read({name: message.kwargs[name] for name in message.kwargs if name != PROJECT})
        run = Run(_topics_in(job_id, snapshot), kind.actor, str(snapshot.terminal))
        message.options[RUN_OPTION] = run.id
        return await self._queue(run, message, kind)

    async def _shown(self, job_id: str, snapshot: Snapshot) -> dict[str, Any]:
        """What is shown of a job, and whether it can be run again."""
        workers = await self._workers()
        await self._askable.offered()
        retryable = snapshot.status in AGAIN and await self._may_retry(job_id)
        return {
            **describe(job_id, snapshot, self._askable.names(), workers),
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
        await self._askable.offered()
        return await self._list.read(limit, allows, wanted, self._askable.names())

    async def offered(self) -> Mapping[str, OfferedKind]:
        """The kinds that workers offer beside those installed here, as far as that is known."""
        return await self._askable.offered()

    async def names(self) -> Mapping[str, str]:
        """Kinds by the tasks of their jobs' events: those installed here, and those offered."""
        await self._askable.offered()
        return self._askable.names()

    async def waiting(self, queues: Iterable[str]) -> Mapping[str, Waiting]:
        """What waits in each of these queues; nothing where no job can be queued.

        Raises:
            LogUnavailable: Redis does not say it.
        """
        try:
            client = self._open_broker().client
        except JobsUnavailable:
            return {}
        return await asyncio.to_thread(Backlog(client, self._settings.prefix).look, queues)

    async def cancel(self, job_id: str, allows: Allows = to_anybody) -> dict[str, Any]:
        """Cancel a job that waits, or ask the worker that runs it to; may be repeated.

        A job that is over is left as it is: its ``status`` says how it ended.

        Raises:
            InvalidTopic: `job_id` is malformed.
            NotFound: nothing was ever published of such a job, or it is not allowed.
        """
        snapshot = await self._snapshot(job_id, allows)
        id_ = run_in(snapshot) or FIRST
        run = Run(_topics_in(job_id, snapshot), task_of(snapshot, self._askable.names()), id_)
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

    async def _queue(self, run: Run, message: Message[Any], kind: JobKind) -> dict[str, Any]:
        """Report `run` and enqueue `message`; a run that is not the first, once.

        What a user's own actor is to do waits at the desk of those who run it.
        """
        with queueing(kind.queue, run) as span:
            mark_trace(message, span.trace)
            return await self._enqueue(run._replace(trace=span.trace), message, kind)

    async def _enqueue(self, run: Run, message: Message[Any], kind: JobKind) -> dict[str, Any]:
        broker, kept = self._open_broker(), self._kept()
        asked = _at_desk(message, kind.desk) if isinstance(kind, OfferedKind) else message
        reported = False
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                head = await self._log.head()
                await self._refuse_if_full(broker, asked.queue_name)
                if run.id == FIRST:
                    await asyncio.to_thread(kept.keep, message)
                if run.id == FIRST or await asyncio.to_thread(kept.claim, run.name):
                    reported = True
                    await lifecycle.queued(run, kind.queue).publish_with(self._publisher)
                    await asyncio.to_thread(broker.enqueue, asked)
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
        workers = await self._workers_of(kind.queue)
        return _accepted(run.job_id, head, kind, workers)

    def _kept(self) -> KeptMessages:
        broker = self._open_broker()
        age = self._settings.retention_policy().of(JOBS.rstrip("/")).max_age
        return KeptMessages(broker.client, broker.namespace, age)

    def _offers(self) -> Offers:
        broker = self._open_broker()
        return Offers(broker.client, broker.namespace)

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
        refused = lifecycle.refused(run, NOT_QUEUED)
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                await refused.publish_with(self._publisher)
        except (LogUnavailable, TimeoutError):
            _logger.warning("it could not be published that job %s is not queued", run.job_id)


def _id_by(project: str, key: str) -> str:
    """The id of the job that is asked for with a key: by it two requests know the same job."""
    return hashlib.sha256(f"{project}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _at_desk(message: Message[Any], desk: str) -> Message[Any]:
    """What `desk.Desk` makes `message` of again."""
    return Message(
        queue_name=desk,
        actor_name=message.actor_name,
        args=(),
        kwargs={
            "queue": message.queue_name,
            "parameters": message.kwargs,
            "options": message.options,
        },
        options={},
        message_id=message.message_id,
        message_timestamp=message.message_timestamp,
    )


def _accepted(job_id: str, head: Cursor, kind: JobKind, workers: int | None) -> dict[str, Any]:
    which = " of its module" if isinstance(kind, OfferedKind) else ""
    nobody = f"; no worker is running: start one with `streamer worker`{which}"
    return {
        "task_id": job_id,
        "status": "queued",
        "message": f"Queued: {kind.name}{nobody if workers == 0 else ''}",
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
