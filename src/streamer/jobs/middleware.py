"""The Dramatiq middleware that reports what happens to every job."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dramatiq import Broker, Message, MessageProxy, Worker
from dramatiq.middleware import Middleware, SkipMessage

from ..events.cursor import ORIGIN
from ..events.snapshot import Snapshot
from ..publishing.sync_publisher import SyncPublisher
from . import runs
from .enqueues import Enqueues
from .lifecycle import Run
from .parents import mark_parent, parent_of
from .progress import Progress, set_progress
from .progress import progress as current_progress
from .reports import Reports, queue_of, task_name_of
from .running import RunningJob, RunningJobs, cancel_asked
from .topics import PROJECT_OPTION, AnyMessage, topics_of

#: Seconds that a lease is held; as `Settings.lease_seconds`.
LEASE_SECONDS: Final = 10.0

_logger: Final = logging.getLogger(__name__)


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
        self._publisher: Final = publisher
        self._reports: Final = Reports(publisher)
        self._running: Final = RunningJobs(publisher, lease_seconds=lease_seconds)
        self._thread: Final = _Thread()
        self._enqueues: Final = Enqueues()

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
        before, over = self._reports.look(topics, run.name)
        if over or (before is not None and _is_over(before, run.id)):
            self._refuse(run)
        if before is not None and cancel_asked(before, run.id):
            self._thread.settled = None  # `after_skip_message` reports it
            raise SkipMessage("cancelled before it was started")
        # What ended is another run.
        reset = before is not None and before.terminal is not None
        known = before.attempt if before is not None and not reset else None
        number = max(known or 0, runs.retries_of(message)) + 1

        def send(fraction: float, text: str | None, metadata: Mapping[str, Any]) -> None:
            self._reports.progress(job, fraction, text, metadata)

        # Before the start is reported: whatever interrupts us then, its end is too.
        progress = Progress(send, job_id=run.job_id, max_bytes=self._publisher.max_event_bytes)
        job = RunningJob(
            run,
            number,
            progress,
            queue=queue_of(message),
            retries=int(message.options.get("retries", 0)),
            seen=before.cursor if before is not None else ORIGIN,
        )
        self._thread.job = job
        # First, so that a worker that dies in this moment is missed.
        self._running.hold(job)
        self._reports.started(job, reset=reset)
        # A cancel between the look and the start: then the start is not in the log.
        if self._reports.look(topics, run.name)[1]:
            self._refuse(run)
        self._thread.settled = None
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
        """Keep what the job came to until every middleware has seen it.

        One of them may try it again (`Retries`) or send on what it returned
        (`Pipelines`): then its end is not reported before that is done, so that a
        worker that dies in between does it all again.
        """
        job = self._job_of(message)
        if job is not None and self._thread.outcome is None:
            self._leave(job)
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
            self._leave(job)
        if self._thread.settled is not message and (job is None or not job.superseded):
            topics = topics_of(message, broker)
            if topics:
                self._reports.cancelled(_run_of(message, topics), job)
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

    def _leave(self, job: RunningJob) -> None:
        set_progress(None)
        self._running.remove(job)
        job.progress.send_held()
        job.progress.silence()

    def _release(self, job: RunningJob, message: MessageProxy) -> None:
        self._thread.job = self._thread.outcome = None
        self._thread.settled = message
        self._running.release(job)

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
        task_name, parent = task_name_of(message), parent_of(message)
        self._reports.queued(Run(topics, task_name, run, parent), queue_of(message))

    def _is_open(self, topics: tuple[str, ...], job_id: str) -> bool:
        """Whether another run of the job is waiting or running."""
        snapshot, _ = self._reports.look(topics, job_id)
        return snapshot is not None and snapshot.status is not None and snapshot.terminal is None

    def _report_end(self, job: RunningJob) -> None:
        outcome = self._thread.outcome
        if outcome is None or job.superseded or job.retried:
            return
        if outcome.exception is None:
            self._reports.completed(job, outcome.result)
        else:
            self._reports.failed(job, outcome.exception)
        self._reports.enqueued(job)


def _run_of(message: MessageProxy, topics: tuple[str, ...]) -> Run:
    """The run that a delivered message is, reported to `topics`."""
    return Run(topics, task_name_of(message), runs.run_of(message), parent_of(message))


def _is_retry(job: RunningJob, message: Message[Any]) -> bool:
    """Whether `Retries` enqueues the job, which it does while it handles the failure."""
    retries = int(message.options.get("retries", 0))
    return retries > job.retries and sys.exc_info()[1] is not None


def _is_over(snapshot: Snapshot, run: str) -> bool:
    return snapshot.terminal is not None and runs.run_in(snapshot) == run
