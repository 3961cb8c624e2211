"""What is published of a job, and what the log is asked about it."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Final

from ..errors import InvalidFields, LogUnavailable, StreamerError
from ..eventlog.base import EventLog
from ..events.snapshot import Snapshot
from ..publishing.sync_publisher import SyncPublisher
from . import lifecycle
from .keys import end_key, queued_key, start_key
from .lifecycle import Attempt, Run, Transition
from .publishable import cut, text_of
from .running import RunningJob
from .told import Lines, Partial, Told, Update

#: Seconds a hook waits for its event to be in the log before the job continues,
#: so that what another process publishes next comes after it.
ORDER_SECONDS: Final = 1.0
#: Characters of an error's text; the traceback is in the worker's own log.
_ERROR_CHARACTERS: Final = 2000

_logger: Final = logging.getLogger(__name__)


class Reports:
    """Publishes the events of jobs, each once, and waits until they are in the log.

    No method raises: a job must not fail because of what is reported of it.
    """

    def __init__(self, publisher: SyncPublisher) -> None:
        self._publisher: Final = publisher

    def settle(self) -> None:
        """Wait until what was reported is in the log, if it is not away."""
        if not self._publisher.away:  # a job does not wait for what is not there
            self._publisher.flush(ORDER_SECONDS)

    def look(self, topics: tuple[str, ...], name: str) -> tuple[Snapshot | None, bool]:
        """The snapshot of a job, and whether that run of it is over; None: nobody knows."""

        async def ask(log: EventLog) -> tuple[Snapshot, bool]:
            over, snapshots = await asyncio.gather(
                log.known_keys(topics[0], [end_key(name)]), log.snapshots([topics[-1]])
            )
            return snapshots[topics[-1]], bool(over)

        if self._publisher.away:
            return None, False
        try:
            return self._publisher.ask(ask, ORDER_SECONDS)
        except LogUnavailable:
            return None, False

    def knows(self, topics: tuple[str, ...], job_id: str) -> bool:
        """Whether the first run of a job was reported."""
        keys = [queued_key(job_id), start_key(job_id, 1)]
        if self._publisher.away:
            return False
        try:
            known = self._publisher.ask(lambda log: log.known_keys(topics[0], keys), ORDER_SECONDS)
        except LogUnavailable:
            return False
        return bool(known)

    def queued(self, run: Run, queue: str | None, *, after: Attempt | None = None) -> None:
        """Report ``queued`` of a run that was enqueued, by the attempt `after` if by itself."""
        self.report(lifecycle.queued(run, queue, after=after))

    def enqueued(self, job: RunningJob) -> None:
        """Report ``queued`` of what a job has enqueued of itself, now that it is over."""
        if job.waiting is not None and not job.superseded:
            self.queued(job.run._replace(id=job.waiting), job.queue, after=job.attempt)

    def started(self, job: RunningJob, *, reset: bool) -> None:
        """Report ``started``; with `reset`, after the end of another run."""
        if reset:
            lifecycle.queued_again(job.run, job.queue).publish_with(self._publisher)
        self.report(lifecycle.started(job.attempt))

    def tell(self, job: RunningJob, told: Told) -> None:
        """Report what a job tells while it runs; for this the job does not wait.

        Raises:
            StreamerError: it cannot be published.
        """
        match told:
            case Update():
                transition = lifecycle.progress(job.attempt, told)
            case Lines():
                transition = lifecycle.lines(job.attempt, told)
            case Partial():
                transition = lifecycle.partial(job.attempt, told)
            case _:
                return
        transition.publish_with(self._publisher)

    def checkpoint_of(self, job_id: str) -> bytes | None:
        """The last checkpoint of a job's attempts so far, as JSON."""
        if self._publisher.away:
            return None
        try:
            return self._publisher.ask(lambda log: log.checkpoints.find(job_id), ORDER_SECONDS)
        except LogUnavailable:
            return None

    def retrying(self, job: RunningJob, delay: int | None, error: BaseException | None) -> None:
        """Report ``retrying``, in `delay` milliseconds."""
        if error is not None:
            job.work.fail(error)
        if job.superseded:
            return
        job.progress.send_held()
        job.keep_checkpoint(self._publisher)
        seconds = (delay or 0) / 1000
        self.report(lifecycle.retrying(job.attempt, self._text_of(error), seconds))

    def completed(self, job: RunningJob, result: object) -> None:
        """Report ``completed``; a result that JSON cannot express is left out."""

        def publish(result: object, omitted: str | None = None) -> None:
            lifecycle.completed(job.attempt, result, omitted).publish_with(self._publisher)

        try:
            _refuse_if_no_number(result)
            publish(result)
        except StreamerError as error:
            _logger.warning("the result of job %s is not published: %s", job.job_id, error)
            publish(None, str(error))
        except Exception as error:
            # Of a foreign type, when it was asked for what it holds.
            _logger.exception("the result of job %s is not published", job.job_id)
            publish(None, f"the result cannot be encoded as JSON: {type(error).__name__}")
        # Before the message is acknowledged: after that nobody would report the end.
        self.settle()

    def failed(self, job: RunningJob, error: BaseException) -> None:
        """Report ``error``: the job is not tried again."""
        job.keep_checkpoint(self._publisher)
        self.report(lifecycle.failed(job.attempt, self._text_of(error), type(error).__name__))

    def refused(self, run: Run, reason: str) -> None:
        """Report ``error`` of a message that was never started."""
        self.report(lifecycle.refused(run, reason))

    def cancelled(self, job: RunningJob) -> None:
        """Report ``cancelled`` of a job that was started."""
        job.keep_checkpoint(self._publisher)
        self.report(lifecycle.cancelled(job.attempt))

    def skipped(self, run: Run) -> None:
        """Report ``cancelled`` of a message that was not started."""
        self.report(lifecycle.skipped(run))

    def report(self, transition: Transition) -> None:
        """Publish any transition, and wait until it is in the log."""
        transition.publish_with(self._publisher)
        self.settle()

    def _text_of(self, error: BaseException | None) -> str:
        # Twice in an event, and there must be room for the rest of it.
        return cut(text_of(error, _ERROR_CHARACTERS), self._publisher.max_event_bytes // 8)


def _refuse_if_no_number(result: object) -> None:
    """Refuse what msgspec would encode as null, without a word."""
    if isinstance(result, float) and not math.isfinite(result):
        raise InvalidFields(f"the result is {result}, which JSON cannot express")
