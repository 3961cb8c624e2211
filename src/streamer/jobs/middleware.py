"""The Dramatiq middleware that tells what happens to every job."""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from dramatiq import Broker, Message, MessageProxy, Worker
from dramatiq.middleware import Middleware, SkipMessage

from ..cursor import ORIGIN
from ..errors import InvalidFields, InvalidTopic, LogUnavailable, StreamerError
from ..snapshot import Snapshot
from ..sync_publisher import SyncPublisher
from ..topic import job_topic, project_topic
from .keys import end_key, fence, queued_key, retry_key, start_key
from .progress import Progress, set_progress
from .running import RunningJob, RunningJobs, cancel_asked

#: Message option: the job's project.
PROJECT_OPTION: Final = "project_id"
#: Message option: "queued" was told. It travels with the message, so that a
#: delayed or retried one does not tell it again.
QUEUED_OPTION: Final = "streamer_queued"

#: Seconds a hook waits for its event to be in the log before the job goes on,
#: so that what another process publishes next comes after it.
ORDER_SECONDS: Final = 1.0
#: Seconds that a lease is held; as `Settings.lease_seconds`.
LEASE_SECONDS: Final = 10.0
#: Characters of an error's text; the traceback is in the worker's own log.
_ERROR_CHARACTERS: Final = 2000

_logger: Final = logging.getLogger(__name__)

AnyMessage = Message[Any] | MessageProxy


def topics_of(message: AnyMessage) -> tuple[str, ...]:
    """The topics of a message's job: its project's, if it has one, and its own.

    The project is the message option ``project_id``, or else an actor's keyword
    argument of that name.
    """
    own = job_topic(message.message_id)
    project = message.options.get(PROJECT_OPTION) or message.kwargs.get(PROJECT_OPTION)
    if not isinstance(project, str):
        return (own,)
    try:
        return (project_topic(project), own)
    except InvalidTopic as error:
        _logger.warning("job %s is told without its project: %s", message.message_id, error)
        return (own,)


class JobEvents(Middleware):
    """Publishes each job's life to its topics: add it ``before=Retries``.

    ``status`` of ``queued``, ``started``, ``retrying`` and ``cancelled``, then
    ``completed`` or ``error``. A job is a message, its id the message's. Each
    event is told once for each attempt, and the end once, however often
    Dramatiq calls a hook. Attempts are counted in the job's snapshot, because a
    message that comes back after its worker died has not been "retried".

    Each running job's lease is held, for `lease_seconds` at a time; a server
    that finds it lapsed tells ``stalled``.
    """

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._publisher: Final = publisher
        self._running: Final = RunningJobs(publisher, lease_seconds=lease_seconds)
        self._thread: Final = threading.local()

    @property
    def actor_options(self) -> set[str]:
        """None but the project, which one actor may always work for."""
        return {PROJECT_OPTION}

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:  # noqa: ARG002
        """Tell ``queued``, or ``retrying`` if it is the job that just failed here."""
        job = self._job
        if job is not None and job.job_id == message.message_id:
            self._tell_retrying(job, delay)
        elif not message.options.get(QUEUED_OPTION):
            message.options[QUEUED_OPTION] = True
            self._publisher.status(
                topics_of(message),
                "queued",
                task_name=message.actor_name,
                message="Queued",
                idempotency_key=queued_key(message.message_id),
            )
            self._settle()

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:  # noqa: ARG002
        """Know that the job that just failed here will be tried again."""
        job = self._job
        if job is not None and job.job_id == message.message_id:
            job.retried = True

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Tell ``started``, unless the job is over or was cancelled in the queue.

        Raises:
            SkipMessage: it is.
        """
        job_id, topics = message.message_id, topics_of(message)
        if self._job is not None and self._job.job_id == job_id:
            return  # called again
        self._told_end_of = job_id
        before = self._snapshot(topics[-1])
        self._refuse_if_over(before, job_id)
        if before is not None and cancel_asked(before):
            self._told_end_of = None  # `after_skip_message` tells it
            raise SkipMessage("cancelled before it was started")
        told = before.attempt if before is not None else None
        attempt = max(told or 0, message.options.get("retries", 0)) + 1

        def send(fraction: float, text: str | None, metadata: Mapping[str, Any]) -> None:
            self._publisher.progress(
                topics,
                fraction,
                task_name=message.actor_name,
                message=text,
                metadata=metadata,
                attempt=attempt,
                unless=fence(job_id, attempt),
            )

        # Before the start is told: whatever interrupts us then, its end is told too.
        progress = Progress(send, job_id=job_id, max_bytes=self._publisher.max_event_bytes)
        seen = before.cursor if before is not None else ORIGIN
        job = RunningJob(job_id, topics, message.actor_name, attempt, progress, seen=seen)
        self._job = job
        # First, so that a worker that dies in this moment is missed.
        self._running.hold(job)
        self._publisher.status(
            topics,
            "started",
            task_name=message.actor_name,
            message="Started" if attempt == 1 else f"Started, attempt {attempt}",
            attempt=attempt,
            idempotency_key=start_key(job_id, attempt),
            unless=fence(job_id, attempt),
        )
        self._settle()
        # A cancel between the look and the start: then the start is not in the log.
        self._refuse_if_over(self._snapshot(topics[-1]), job_id)
        self._told_end_of = None
        self._running.add(job)
        set_progress(progress)

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Tell ``completed``, or ``error`` if there will be no retry."""
        job = self._leave()
        if job is not None and job.superseded:
            self._told_end_of = message.message_id
        elif exception is not None and (message.failed or (job is not None and not job.retried)):
            self._tell_error(message, job, exception)
        elif exception is None and job is not None:
            self._tell_completed(job, result)
        if job is not None:
            self._running.let_go(job)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Tell ``cancelled``."""
        job = self._leave()
        if self._told_end_of != message.message_id and (job is None or not job.superseded):
            self._publisher.status(
                topics_of(message),
                "cancelled",
                task_name=message.actor_name,
                message="Cancelled",
                attempt=None if job is None else job.attempt,
                idempotency_key=end_key(message.message_id),
                unless=_next_start(job),
            )
            self._end(message.message_id)
        if job is not None:
            self._running.let_go(job)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Tell ``error`` of a message that no other hook saw fail: its actor is unknown."""
        if self._told_end_of != message.message_id:
            reason = f"no worker knows the actor {message.actor_name!r}"
            self._publisher.error(
                topics_of(message),
                reason,
                task_name=message.actor_name,
                idempotency_key=end_key(message.message_id),
            )
            self._end(message.message_id)

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Interrupt the jobs that ask, wherever they are."""
        self._running.interrupt()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Deliver what is buffered."""
        self._running.stop()
        self._settle()

    @property
    def _job(self) -> RunningJob | None:
        job: RunningJob | None = getattr(self._thread, "job", None)
        return job

    @_job.setter
    def _job(self, job: RunningJob | None) -> None:
        self._thread.job = job

    @property
    def _told_end_of(self) -> str | None:
        """The job of this thread's message, once there is nothing more to tell of it."""
        job_id: str | None = getattr(self._thread, "told_end_of", None)
        return job_id

    @_told_end_of.setter
    def _told_end_of(self, job_id: str | None) -> None:
        self._thread.told_end_of = job_id

    def _leave(self) -> RunningJob | None:
        job, self._job = self._job, None
        set_progress(None)
        if job is not None:
            self._running.remove(job)
            job.progress.send_held()
            job.progress.silence()
        return job

    def _settle(self) -> None:
        if not self._publisher.away:  # a job does not wait for what is not there
            self._publisher.flush(ORDER_SECONDS)

    def _snapshot(self, topic: str) -> Snapshot | None:
        if self._publisher.away:
            return None
        try:
            return self._publisher.ask(lambda log: log.snapshots([topic]), ORDER_SECONDS)[topic]
        except LogUnavailable:
            return None

    def _refuse_if_over(self, snapshot: Snapshot | None, job_id: str) -> None:
        if snapshot is not None and snapshot.terminal is not None:
            _logger.info("job %s is %s already; it is not started", job_id, snapshot.status)
            raise SkipMessage(f"the job is {snapshot.status} already")

    def _tell_retrying(self, job: RunningJob, delay: int | None) -> None:
        # Retries enqueues from inside the worker's `except`, so the failure is at hand.
        if job.superseded:
            return
        job.progress.send_held()
        seconds = (delay or 0) / 1000
        error = _text_of(sys.exc_info()[1])
        self._publisher.status(
            job.topics,
            "retrying",
            task_name=job.task_name,
            message=f"{error}; next attempt in {seconds:.3g} s",
            metadata={"error": error, "delay": seconds},
            attempt=job.attempt,
            idempotency_key=retry_key(job.job_id, job.attempt),
            unless=fence(job.job_id, job.attempt),
        )
        self._settle()

    def _tell_completed(self, job: RunningJob, result: object) -> None:
        def tell(result: object, omitted: str | None = None) -> None:
            self._publisher.completed(
                job.topics,
                result,
                task_name=job.task_name,
                result_omitted=omitted,
                attempt=job.attempt,
                idempotency_key=end_key(job.job_id),
                unless=_next_start(job),
            )

        try:
            if isinstance(result, float) and not math.isfinite(result):
                raise InvalidFields(f"the result is {result}, which JSON cannot say")
            tell(result)
        except StreamerError as error:
            _logger.warning("the result of job %s is not published: %s", job.job_id, error)
            tell(None, str(error))
        self._end(job.job_id)

    def _tell_error(
        self, message: MessageProxy, job: RunningJob | None, error: BaseException
    ) -> None:
        self._publisher.error(
            topics_of(message),
            _text_of(error),
            task_name=message.actor_name,
            details={"type": type(error).__name__},
            attempt=None if job is None else job.attempt,
            idempotency_key=end_key(message.message_id),
            unless=_next_start(job),
        )
        self._end(message.message_id)

    def _end(self, job_id: str) -> None:
        self._told_end_of = job_id
        # Before the message is acknowledged: after that nobody would tell the end.
        self._settle()


def _next_start(job: RunningJob | None) -> tuple[str, ...]:
    return () if job is None else (start_key(job.job_id, job.attempt + 1),)


def _text_of(error: BaseException | None) -> str:
    if error is None:
        return "the job failed"
    # A file's name may hold what UTF-8 cannot say, and an OSError its name.
    text = str(error).encode("utf-8", "replace").decode() or type(error).__name__
    return text if len(text) <= _ERROR_CHARACTERS else text[: _ERROR_CHARACTERS - 3] + "..."
