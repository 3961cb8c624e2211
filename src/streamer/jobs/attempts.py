"""Attempts of jobs: begun, looked after and ended alike, whatever queue delivers them."""

from __future__ import annotations

import uuid
from typing import Final, NamedTuple

from ..events.cursor import ORIGIN, Cursor
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import span_at_hand
from ..tracing.spans import Work, working
from .keys import FIRST
from .lifecycle import Run
from .owed_answer import end_owed
from .place import set_progress
from .progress import Progress
from .publishable import text_of
from .reports import Reports
from .running import RunningJob, RunningJobs, cancel_asked, run_in
from .stops import PLAINLY, Raised
from .told import Told

#: Seconds that a lease is held; as `Settings.lease_seconds`.
LEASE_SECONDS: Final = 10.0
#: Characters of what went wrong, as those who read an answer are told it.
_TOLD: Final = 200


class Standing(NamedTuple):
    """How a run stands in the log before its next attempt begins.

    Attributes:
        over: its end is reported: it must not be started.
        cancelled: somebody asked for it to be cancelled.
        number: which attempt the next one is, counted from 1.
        reset: what was reported last is the end of another run of the job.
        seen: the log's position up to which this is known.
        status: of the job, as it was reported last.
        known: it was begun before: there may be a checkpoint.
        guessed: nobody could say how it stands: an attempt of this number may have begun.
    """

    over: bool
    cancelled: bool
    number: int
    reset: bool
    seen: Cursor
    status: str | None = None
    known: bool = False
    guessed: bool = False


#: How a job stands that nobody can have reported yet.
NEW: Final = Standing(over=False, cancelled=False, number=1, reset=False, seen=ORIGIN)


def new_run() -> str:
    """A name for a run that nothing was reported of."""
    return uuid.uuid4().hex[:12]


class Attempts:
    """Reports the attempts of jobs that run in this process; no method raises.

    From `prepare` on somebody must `leave` and `release` the job, in this order, and
    report its end in between.

    Args:
        publisher: takes what is reported.
        lease_seconds: without a sign of life for this long, a job is reported as stalled.
    """

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self.publisher: Final = publisher
        self.lease_seconds: Final = lease_seconds
        self.reports: Final = Reports(publisher)
        self.running: Final = RunningJobs(publisher, lease_seconds=lease_seconds)

    def look(self, run: Run, *, retries: int = 0) -> Standing:
        """How `run` stands, of which its queue knows that it was retried so many times."""
        before, over = self.reports.look(run.topics, run.name)
        if before is None:
            return NEW._replace(over=over, number=retries + 1, guessed=True)
        over = over or (before.terminal is not None and run_in(before) == run.id)
        reset = before.terminal is not None  # what ended is another run
        attempt = None if reset else before.attempt
        number = max(attempt or 0, retries) + 1
        asked = cancel_asked(before, run.id)
        known = reset or number > 1 or run.id != FIRST
        return Standing(over, asked, number, reset, before.cursor, before.status, known)

    def enqueue(self, run: Run, queue: str | None, *, is_marked: bool) -> str:
        """Report ``queued`` of a message that is about to be; return the name of its run.

        The first of a job has no name; one that `is_marked` was enqueued before.
        """
        first = not is_marked and not self.reports.knows(run.topics, run.job_id)
        run = run._replace(id=FIRST if first else new_run())
        if first or not self._is_open(run):
            self.reports.queued(run, queue)
        return run.id  # else what the job is now is reported; of this run, its start

    def _is_open(self, run: Run) -> bool:
        snapshot, _ = self.reports.look(run.topics, run.job_id)
        return snapshot is not None and snapshot.status is not None and snapshot.terminal is None

    def take(self, run: Run, *, retries: int = 0) -> tuple[Run, Standing]:
        """Do as `look` for a message that is delivered; return also which run it begins.

        What was over, and not by a cancel, is another run: its queue delivers again what
        could not be acknowledged, and reporting keeps it from nothing. What was cancelled
        is `cancelled`, however it ended.
        """
        standing = self.look(run, retries=retries)
        if standing.over and standing.status != "cancelled":
            run = run._replace(id=new_run())
            standing = self.look(run)
        return run, standing._replace(cancelled=standing.cancelled or standing.over)

    def prepare(
        self,
        run: Run,
        standing: Standing,
        *,
        queue: str | None,
        retries: int = 0,
        raised: Raised = PLAINLY,
        system: str | None = None,
    ) -> RunningJob:
        """Make the attempt of `run` that is about to begin; nothing is reported yet.

        It waited in `queue`, if in any, which has retried it `retries` times by its own count.
        It is a span of a messaging `system`; None leaves that to an instrumentation of the
        queue's own.
        """
        if system is None:
            work = Work(span_at_hand() or run.trace)
        else:
            work = working(system, queue, run, standing.number)
        run = run._replace(trace=work.trace)

        def send(told: Told) -> None:
            self.reports.tell(job, told)

        progress = Progress(
            send,
            job_id=run.job_id,
            run=run.name,
            attempt=standing.number,
            guessed=standing.guessed,
            publisher=self.publisher,
            max_bytes=self.publisher.max_event_bytes,
            raised=raised,
            checkpoint=self.reports.checkpoint_of(run.job_id) if standing.known else None,
        )
        job = RunningJob(
            run, standing.number, progress, work, queue=queue, retries=retries, seen=standing.seen
        )
        return job

    def start(self, job: RunningJob, *, reset: bool) -> bool:
        """Report ``started``; whether it is, and not over in this moment."""
        # First, so that a worker that dies in this moment is missed.
        self.running.hold(job)
        self.reports.started(job, reset=reset)
        # A cancel between the look and the start: then the start is not in the log.
        return not self.reports.look(job.run.topics, job.run.name)[1]

    def enter(self, job: RunningJob) -> None:
        """Look after a job that was started; ``streamer.progress()`` is its from here on."""
        self.running.add(job)
        set_progress(job.progress)
        job.work.enter(job.job_id)

    def leave(self, job: RunningJob) -> None:
        """Report the last progress of a job whose work is done, and none after it."""
        job.work.leave()
        set_progress(None)
        self.running.remove(job)
        job.progress.send_held()
        job.progress.silence()

    def completed(self, job: RunningJob, result: object) -> None:
        """Report ``completed``; a result that JSON cannot express is left out."""
        if not job.superseded:
            end_owed(job, self.publisher, "the job has said no answer", "error")
            self.reports.completed(job, result)

    def failed(self, job: RunningJob, error: BaseException) -> None:
        """Report ``error`` of a job that nobody tries again, and the end of its answers."""
        job.work.fail(error)
        if not job.superseded:
            end_owed(job, self.publisher, text_of(error, _TOLD), "error")
            job.progress.end_answers(text_of(error, _TOLD), "error")
            self.reports.failed(job, error)

    def cancelled(self, job: RunningJob) -> None:
        """Report ``cancelled`` of a job that was started, and the end of its answers."""
        if not job.superseded:
            end_owed(job, self.publisher, "the answer was cancelled", "cancelled")
            job.progress.end_answers("the answer was cancelled", "cancelled")
            self.reports.cancelled(job)

    def release(self, job: RunningJob) -> None:
        """Give no sign of life any more of a job whose end was reported."""
        self.running.release(job)
        job.work.end()
