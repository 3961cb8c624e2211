"""The Dramatiq middleware that reports what happens to every job."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any, Final, NamedTuple

from dramatiq import Broker, Message, MessageProxy, Worker
from dramatiq.common import q_name
from dramatiq.middleware import Middleware, Shutdown, SkipMessage

from ..events.job_event import MAX_NAME_LENGTH
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import current_trace
from ..tracing.spans import DRAMATIQ
from . import runs
from .attempts import LEASE_SECONDS, Attempts
from .current import progress as current_progress
from .enqueues import Enqueues
from .lifecycle import Run
from .message_trace import mark_trace, trace_of
from .owed_answer import owed_by
from .parents import mark_parent, parent_of
from .running import RunningJob
from .stops import JobCancelled, Raised
from .topics import PROJECT_OPTION, AnyMessage, topics_of

_logger: Final = logging.getLogger(__name__)


class _Cancelled(JobCancelled, SkipMessage):
    """For which Dramatiq neither retries a message nor calls it failed."""


_RAISED: Final = Raised(_Cancelled, Shutdown)


class _Outcome(NamedTuple):
    """What an actor came to; reported once the message is not to be tried again."""

    result: object
    exception: BaseException | None


class _Thread(threading.local):
    """What a thread is at.

    Attributes:
        delivery: the last message that it began to process.
        job: what it runs, until its message is acknowledged.
        outcome: of `job`, once it came to one.
        settled: the delivery of which there is nothing more to report.
    """

    def __init__(self) -> None:
        self.delivery: MessageProxy | None = None
        self.job: RunningJob | None = None
        self.outcome: _Outcome | None = None
        self.settled: MessageProxy | None = None


class JobEvents(Middleware):
    """Publishes each job's life to its topics; anywhere in a broker's middleware.

    ``status`` of ``queued``, ``started``, ``retrying`` and ``cancelled``, then
    ``completed`` or ``error``. A job is a message, its id the message's. Each
    event is reported once for each attempt, and the end once, however often
    Dramatiq calls a hook. Attempts are counted in the job's snapshot, because a
    message that comes back after its worker died has not been "retried".

    A message that is enqueued again is a new run of the same job: ``queued`` and
    ``started`` are reported again, and every event of it has its ``run``.

    Each running job's lease is held, for `lease_seconds` at a time; a server
    that finds it lapsed reports ``stalled``.
    """

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._attempts: Final = Attempts(publisher, lease_seconds=lease_seconds)
        self._reports: Final = self._attempts.reports
        self._running: Final = self._attempts.running
        self._thread: Final = _Thread()
        self._enqueues: Final = Enqueues()

    @property
    def publisher(self) -> SyncPublisher:
        """What the jobs are reported by."""
        return self._attempts.publisher

    @property
    def actor_options(self) -> set[str]:
        """None but the project, which one actor may always work for."""
        return {PROJECT_OPTION}

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        """Report ``queued``, or ``retrying`` if it is the job that just failed here."""
        if self._enqueues.knows(message):
            return  # called again
        topics = topics_of(message, broker)
        if not topics:
            return
        job = self._job_of(message)
        moved = runs.is_moved(message, delay)
        retried = job is not None and _is_retry(job, message)
        if job is not None and retried:
            runs.mark_delivered(message, job.run.id)
            # Retries enqueues from inside the worker's `except`, so the failure is at hand.
            self._reports.retrying(job, delay, sys.exc_info()[1])
        elif not moved:
            mark_parent(message, current_progress().job_id, self._thread.delivery)
            if trace_of(message) is None:
                mark_trace(message, current_trace())
            self._begin_run(message, topics, job)
        if len(topics) > 1:
            message.options[PROJECT_OPTION] = topics[0].partition("/")[2]
        runs.mark_enqueued(message, delay)
        self._enqueues.add(message, retried=retried)

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:  # noqa: ARG002
        """Know that the job that just failed here will be tried again."""
        retried = self._enqueues.take(message)
        job = self._job_of(message)
        if job is None or retried is None:
            return
        if retried:
            job.retried = True
        else:
            job.waiting = runs.run_of(message)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Report ``started``, unless this run is over or was cancelled in the queue.

        Raises:
            SkipMessage: it is.
        """
        if self._thread.delivery is message:
            return  # called again
        self._thread.delivery = message
        self._thread.job = self._thread.outcome = None
        topics = topics_of(message, broker)
        if not topics:
            return
        run = _run_of(message, topics)
        runs.mark_delivered(message, run.id)
        self._thread.settled = message
        standing = self._attempts.look(run, retries=runs.retries_of(message))
        if standing.over:
            self._refuse(run)
        if standing.cancelled:
            self._thread.settled = None  # `after_skip_message` reports it
            raise SkipMessage("cancelled before it was started")
        # Before the start is reported: whatever interrupts us then, its end is too.
        job = self._thread.job = self._attempts.prepare(
            run,
            standing,
            queue=_queue_of(message),
            retries=int(message.options.get("retries", 0)),
            raised=_RAISED,
            system=DRAMATIQ,
        )
        job.owed = owed_by(message.options)
        if not self._attempts.start(job, reset=standing.reset):
            self._refuse(run)
        self._thread.settled = None
        self._attempts.enter(job)

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Keep what the job came to until every middleware has seen it.

        One of them may try it again (`Retries`) or send on what it returned
        (`Pipelines`): then its end is not reported before that is done, so that a
        worker that dies in between does it all again.
        """
        job = self._job_of(message)
        if job is not None and self._thread.outcome is None:
            self._attempts.leave(job)
            self._thread.outcome = _Outcome(result, exception)

    def before_ack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Report ``completed``, or ``error`` of a failure that nobody tries again."""
        job = self._job_of(message)
        if job is not None and self._thread.settled is not message:
            self._report_end(job)
            self._release(job, message)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        """Report ``error``, also of a message that no other hook saw: its actor is unknown."""
        if self._thread.settled is message:
            return
        job = self._job_of(message)
        if job is not None:
            job.retried = False  # whatever was enqueued, this is a dead letter
            self._report_end(job)
            self._release(job, message)
            return
        topics = topics_of(message, broker)
        if topics:
            name = message.actor_name
            known = name in broker.actors
            reason = "the message was rejected" if known else f"no worker knows the actor {name!r}"
            self._reports.refused(_run_of(message, topics), reason)
        self._thread.settled = message

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Report ``cancelled``."""
        job = self._job_of(message)
        if job is not None:
            self._attempts.leave(job)
        if self._thread.settled is not message:
            if job is not None:
                self._attempts.cancelled(job)
            elif topics := topics_of(message, broker):
                self._reports.skipped(_run_of(message, topics))
        if job is not None:
            self._reports.enqueued(job)
            self._release(job, message)
        self._thread.settled = message

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Announce a worker, and its queues, until it is shut down."""
        chosen = worker.consumer_whitelist
        self._running.announce(lambda: chosen or broker.get_declared_queues())

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Interrupt the jobs that ask, wherever they are."""
        self._running.interrupt()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Deliver what is buffered."""
        self._running.stop()
        self._reports.settle()

    def _job_of(self, message: AnyMessage) -> RunningJob | None:
        """The job of `message`, if this thread runs it."""
        job = self._thread.job
        return job if job is not None and job.job_id == str(message.message_id) else None

    def _release(self, job: RunningJob, message: MessageProxy) -> None:
        self._thread.job = self._thread.outcome = None
        self._thread.settled = message
        self._attempts.release(job)

    def _refuse(self, run: Run) -> None:
        _logger.info("this run of job %s is over; it is not started", run.job_id)
        raise SkipMessage("this run of the job is over")

    def _begin_run(
        self, message: Message[Any], topics: tuple[str, ...], job: RunningJob | None
    ) -> None:
        job_id = str(message.message_id)
        # A message that was made with another's id is that one, enqueued again.
        first = job is None and not runs.is_marked(message)
        first = first and not self._reports.knows(topics, job_id)
        run = runs.begin_run(message, first=first)
        if job is not None:
            job.enqueued.append(run)
            return  # it is reported when the job is over
        if not first and self._is_open(topics, job_id):
            return  # what it is now is reported; of this one, its start
        task_name, parent = _task_name_of(message), parent_of(message)
        begun = Run(topics, task_name, run, parent, trace_of(message))
        self._reports.queued(begun, _queue_of(message))

    def _is_open(self, topics: tuple[str, ...], job_id: str) -> bool:
        """Whether another run of the job is waiting or running."""
        snapshot, _ = self._reports.look(topics, job_id)
        return snapshot is not None and snapshot.status is not None and snapshot.terminal is None

    def _report_end(self, job: RunningJob) -> None:
        outcome = self._thread.outcome
        if outcome is None or job.superseded or job.retried:
            return
        if outcome.exception is None:
            self._attempts.completed(job, outcome.result)
        else:
            self._attempts.failed(job, outcome.exception)
        self._reports.enqueued(job)


def _run_of(message: MessageProxy, topics: tuple[str, ...]) -> Run:
    """The run that a delivered message is, reported to `topics`."""
    run, parent = runs.run_of(message), parent_of(message)
    return Run(topics, _task_name_of(message), run, parent, trace_of(message))


def _is_retry(job: RunningJob, message: Message[Any]) -> bool:
    """Whether `Retries` enqueues the job, which it does while it handles the failure."""
    retries = int(message.options.get("retries", 0))
    return retries > job.retries and sys.exc_info()[1] is not None


def _task_name_of(message: AnyMessage) -> str:
    """The task of a message's events: its actor."""
    return message.actor_name[:MAX_NAME_LENGTH]


def _queue_of(message: AnyMessage) -> str:
    """Where a message waits for a worker, whether or not its time has come."""
    return str(q_name(message.queue_name))
