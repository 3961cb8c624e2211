"""RQ: queues that report what is enqueued, and workers that report what becomes of it.

A job is a job of RQ's, its id the same. RQ sends no signals, so what is installed is of a
class of ours from then on: a queue reports what it takes, a worker each attempt. A worker's
jobs run in children, its horses; what befalls a job whose horse is gone, or its whole worker,
is reported by a worker's first process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from redis.client import Pipeline
from rq import Queue, Retry, Worker
from rq.exceptions import AbandonedJobError, DeserializationError, NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.worker import BaseWorker

from ..events.topic import job_topic
from ..jobs import lifecycle
from ..jobs.attempts import Attempts, new_run
from ..jobs.current import progress as current_progress
from ..jobs.keys import FIRST
from ..jobs.lifecycle import Attempt, Run
from ..jobs.place import Place, go_back_to, where_it_is
from ..jobs.running import RunningJob, run_in
from ..jobs.shared import shared_attempts
from ..jobs.stops import JobCancelled
from ..jobs.topics_of_job import topics_of_job
from ..publishing.sync_publisher import SyncPublisher

#: Entry of a job's `meta`, and keyword argument of its function: the project.
PROJECT: Final = "project_id"
#: Entry of a job's `meta`: what we know of it, a `_Mark` by its names.
MARK: Final = "streamer"
#: Seconds that a horse waits for a log that is away before it exits, and loses what it holds.
_EXIT_SECONDS: Final = 2.0

#: Whether jobs are created here to be enqueued at once, many together.
_many: Final[ContextVar[bool]] = ContextVar("streamer_rq_many", default=False)


class _Mark(NamedTuple):
    """What a job carries: its arguments are not unpickled in a worker's first process."""

    run: str
    parent: str | None
    task: str | None
    project: str | None


class _Begun(NamedTuple):
    """A job that this process runs.

    Attributes:
        job: what is reported of it; None: nothing.
        before: whose progress was current.
    """

    job: RunningJob | None
    before: Place


class RQJobs:
    """Reports the jobs of this process; no method raises."""

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float) -> None:
        self.publisher: Final = publisher
        self.attempts: Final = Attempts(publisher, lease_seconds=lease_seconds)
        self._reports: Final = self.attempts.reports
        self._begun: Final[dict[str, _Begun]] = {}
        #: Whose worker puts them back into their queue.
        self._again: Final[set[str]] = set()

    # In whatever process enqueues.

    def enqueue(self, job: Job, queue: str) -> None:
        """Report ``queued`` of a job that is about to be, and mark it."""
        if job.id in self._again:
            return
        task, project = _described(job)
        topics = topics_of_job(job.id, project, task or "a job of RQ")
        if not topics:
            return
        run = Run(topics, task, FIRST, _parent_of(job))
        name = self.attempts.enqueue(run, queue, is_marked=MARK in job.meta)
        given = None if len(topics) == 1 else str(project)
        job.meta = {**job.meta, MARK: _Mark(name, run.parent, task, given)._asdict()}

    def cancel(self, job: Job, *, runs: bool) -> None:
        """Report that RQ was asked to cancel a job: ``cancelled``, unless it runs."""
        attempt = self._last_attempt(job)
        if attempt is not None:
            made = lifecycle.cancelling(attempt.run) if runs else lifecycle.cancelled(attempt)
            self._reports.report(made)

    # Where a job runs.

    def begin(self, job: Job, queue: str) -> None:
        """Report ``started``; a job that was cancelled is kept from running."""
        begun = _Begun(None, where_it_is())
        self._begun[job.id] = begun
        run = _run_of(job)
        if run is None:
            return
        retries = job.number_of_retries or 0
        run, standing = self.attempts.take(run, retries=retries)
        if standing.cancelled:
            if not standing.over:
                self._reports.skipped(run)
            job.perform = _refuse  # type: ignore[method-assign]
            return
        running = self.attempts.prepare(run, standing, queue=queue, retries=retries)
        self._begun[job.id] = begun._replace(job=running)
        if not self.attempts.start(running, reset=standing.reset):
            running.progress.cancel()
        self.attempts.enter(running)

    def is_here(self, job: Job) -> bool:
        """Whether it is this process that runs a job."""
        return job.id in self._begun

    def completed(self, job: Job, result: object) -> None:
        """Report ``completed``."""
        running = self._left(job)
        if running is not None:
            self.attempts.completed(running, result)

    def failed(self, job: Job, error: BaseException) -> None:
        """Report ``error``, or ``cancelled`` if this is what `error` says."""
        running = self._left(job)
        if running is None:
            return
        if isinstance(error, JobCancelled):
            self.attempts.cancelled(running)
        else:
            self.attempts.failed(running, error)

    def retrying(self, job: Job, seconds: float, error: BaseException | None) -> None:
        """Report ``retrying``, in so many seconds."""
        running = self._left(job)
        self._again.add(job.id)
        if running is not None:
            self._reports.retrying(running, round(seconds * 1000), error)

    def _left(self, job: Job) -> RunningJob | None:
        running = self._begun[job.id].job
        if running is not None:
            self.attempts.leave(running)
        return running

    def end(self, job: Job) -> None:
        """Be done with a job whose end is reported."""
        begun = self._begun.pop(job.id)
        self._again.discard(job.id)
        go_back_to(begun.before)
        if begun.job is not None:
            self.attempts.release(begun.job)

    # In a worker's first process, of a job whose own is gone.

    def lost(self, job: Job, text: str, kind: str, *, stopped: bool, retry: float | None) -> None:
        """Report what is made of it: tried again in so many seconds, or not at all."""
        attempt = self._last_attempt(job)
        if attempt is None:
            return
        attempt = attempt._replace(number=max(1, attempt.number))  # it was begun, heard of or not
        if stopped:
            self._reports.report(lifecycle.cancelled(attempt))
        elif retry is not None:
            self._reports.report(lifecycle.retrying(attempt, text, retry))
        else:
            self._reports.report(lifecycle.failed(attempt, text, kind))

    def on_abandoned(self, job: Job, kind: type[BaseException], *_: object) -> None:
        """Hear, as a handler of exceptions, of jobs whose whole worker is gone."""
        if kind is AbandonedJobError:
            text = "its worker is gone"
            self.lost(job, text, kind.__name__, stopped=False, retry=_seconds_until_retry(job))

    def _last_attempt(self, job: Job) -> Attempt | None:
        """The attempt that the log has of a job; without an answer, the first."""
        run = _run_of(job)
        if run is None:
            return None
        snapshot, _ = self._reports.look((job_topic(job.id),), job.id)
        if snapshot is None or snapshot.status is None:
            return Attempt(run, 1 if job.started_at else 0)
        if snapshot.terminal is not None:
            return None
        return Attempt(run._replace(id=run_in(snapshot) or FIRST), snapshot.attempt or 0)

    # Of a worker.

    def announce(self, worker: BaseWorker) -> None:
        """Announce a worker, and its queues, until `stop`."""
        self.attempts.running.announce(worker.queue_names)

    def stop(self) -> None:
        """Withdraw what was announced, and deliver what is buffered."""
        self.attempts.running.stop()
        self._reports.settle()


class ReportingQueue(Queue):
    """What an installed queue is."""

    reported: RQJobs

    def create_job(self, *args: Any, **kwargs: Any) -> Job:  # noqa: ANN401, D102
        job = super().create_job(*args, **kwargs)
        if _many.get():
            self.reported.enqueue(job, self.name)
        return job

    def enqueue_many(self, *args: Any, **kwargs: Any) -> list[Job]:  # noqa: ANN401, D102
        token = _many.set(True)
        try:
            return super().enqueue_many(*args, **kwargs)
        finally:
            _many.reset(token)

    def enqueue_job(  # noqa: D102
        self,
        job: Job,
        pipeline: Pipeline | None = None,
        at_front: bool = False,  # noqa: FBT001, FBT002 - as RQ has it
        unique: bool = False,  # noqa: FBT001, FBT002
    ) -> Job:
        if not (unique and self.job_class.exists(job.id, self.connection)):
            self.reported.enqueue(job, self.name)
        return super().enqueue_job(job, pipeline=pipeline, at_front=at_front, unique=unique)

    def schedule_job(  # noqa: D102
        self,
        job: Job,
        datetime: datetime,
        pipeline: Pipeline | None = None,
        unique: bool = False,  # noqa: FBT001, FBT002
    ) -> Job:
        if not (unique and self.job_class.exists(job.id, self.connection)):
            self.reported.enqueue(job, self.name)
        return super().schedule_job(job, datetime, pipeline=pipeline, unique=unique)

    def run_sync(self, job: Job) -> Job:
        """Run a job in place, as a queue does that is not ``is_async``."""
        raised: list[BaseException] = []
        self.reported.begin(job, self.name)
        perform = job.perform

        def perform_here() -> object:
            try:
                return perform()
            except BaseException as error:
                raised.append(error)
                raise

        job.perform = perform_here  # type: ignore[method-assign]
        try:
            return super().run_sync(job)
        finally:
            del job.perform  # what stands before the method
            if raised:
                self.reported.failed(job, raised[0])
            else:
                self.reported.completed(job, job._result)  # noqa: SLF001 - it is in no log of RQ's
            self.reported.end(job)


class ReportingWorker(BaseWorker):
    """What an installed worker is."""

    reported: RQJobs

    def register_birth(self) -> None:  # noqa: D102
        super().register_birth()  # type: ignore[no-untyped-call]
        self.reported.announce(self)

    def register_death(self) -> None:  # noqa: D102
        self.reported.stop()
        super().register_death()  # type: ignore[no-untyped-call]

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:  # noqa: D102
        self.reported.begin(job, queue.name)
        try:
            return super().perform_job(job, queue, execution)
        finally:
            self.reported.end(job)
            if self.is_horse:
                self.reported.publisher.flush(_EXIT_SECONDS)  # it exits without any farewell

    def handle_job_success(  # noqa: D102
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry,
        execution: Execution,
    ) -> None:
        if job.get_result_ttl(self.default_result_ttl) != 0:
            job.serializer.dumps(job._result)  # noqa: SLF001 - what cannot be kept has failed
        # Before RQ knows: after that nobody would report the end.
        self.reported.completed(job, job._result)  # noqa: SLF001
        super().handle_job_success(job, queue, started_job_registry, execution)

    def handle_job_retry(  # noqa: D102
        self,
        job: Job,
        queue: Queue,
        retry: Retry,
        started_job_registry: StartedJobRegistry,
        execution: Execution,
    ) -> None:
        done = job.number_of_retries or 0
        if done and done >= retry.max:
            error = RuntimeError(f"it asked to be tried again more often than {retry.max} times")
            self.reported.failed(job, error)
        else:
            self.reported.retrying(job, Retry.get_interval(done, retry.intervals), None)
        super().handle_job_retry(job, queue, retry, started_job_registry, execution)

    def handle_job_failure(  # noqa: D102
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        error = sys.exc_info()[1] or RuntimeError(exc_string)
        if isinstance(error, JobCancelled):
            self._stopped_job_id = job.id  # RQ retries none that was stopped
        stopped = self._stopped_job_id == job.id
        retry = None if stopped else _seconds_until_retry(job)
        if not self.reported.is_here(job):
            text = exc_string.strip().removesuffix(";")
            self.reported.lost(job, text, "WorkHorseTerminated", stopped=stopped, retry=retry)
        elif retry is None:
            self.reported.failed(job, error)
        else:
            self.reported.retrying(job, retry, error)
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)
        if stopped:
            _begin_another_run(job)

    def clean_registries(self) -> None:  # noqa: D102
        handlers = self._exc_handlers
        self._exc_handlers = [self.reported.on_abandoned, *handlers]
        try:
            super().clean_registries()  # type: ignore[no-untyped-call]
        finally:
            self._exc_handlers = handlers


class RQWorker(ReportingWorker, Worker):
    """An RQ worker that reports its jobs: ``rq worker --worker-class streamer.RQWorker``.

    It goes by the log that was given to ``streamer.install`` in this process, or else by
    ``STREAMER_REDIS_URL`` and ``STREAMER_PREFIX``. A worker class of your own derives from it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        if _installed is None:
            attempts = shared_attempts()
            _report_by(attempts.publisher, lease_seconds=attempts.lease_seconds)
        self.reported = cast("RQJobs", _installed)
        super().__init__(*args, **kwargs)


_installed: RQJobs | None = None


def install(queue: Queue | BaseWorker, publisher: SyncPublisher, *, lease_seconds: float) -> None:
    """Report the jobs of `queue`; nothing happens if they are already.

    Raises:
        ValueError: jobs of this process are reported to another log.
    """
    reported = _report_by(publisher, lease_seconds=lease_seconds)
    kind = ReportingQueue if isinstance(queue, Queue) else ReportingWorker
    if not isinstance(queue, kind):
        queue.__class__ = type(type(queue).__name__, (kind, type(queue)), {"reported": reported})


def _report_by(publisher: SyncPublisher, *, lease_seconds: float) -> RQJobs:
    global _installed  # noqa: PLW0603 - as `Job.cancel` is, which any job may be asked
    if _installed is None:
        _installed = RQJobs(publisher, lease_seconds=lease_seconds)
        _adopt(_installed)
    elif _installed.publisher is not publisher:
        raise ValueError(
            "RQ's jobs of this process are reported already, by a publisher of its own: "
            "one process reports to one log"
        )
    return _installed


def _adopt(reported: RQJobs) -> None:
    """Hear of jobs that are cancelled, which no queue and no worker has a part in."""
    cancel: Callable[..., Any] = Job.cancel

    def cancel_and_report(job: Job, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        runs = job.get_status() is JobStatus.STARTED
        ready = cancel(job, *args, **kwargs)
        reported.cancel(job, runs=runs)
        return ready

    Job.cancel = cancel_and_report  # type: ignore[method-assign, assignment]


def _refuse() -> object:
    raise JobCancelled("cancelled before it was started")


def _begin_another_run(job: Job) -> None:
    """Have a job that was cancelled be another run if somebody enqueues it again."""
    mark = job.get_meta().get(MARK)
    if isinstance(mark, dict):
        job.meta[MARK] = {**mark, "run": new_run()}
        job.save_meta()  # type: ignore[no-untyped-call]


def _described(job: Job) -> tuple[str | None, object]:
    """The name of its function, and its project."""
    try:
        task, kwargs = job.func_name, job.kwargs
    except DeserializationError:
        task, kwargs = None, {}
    project = job.meta.get(PROJECT)
    return task, kwargs.get(PROJECT) if project in {None, ""} else project


def _run_of(job: Job) -> Run | None:
    """The run that a job is; None if its id cannot be part of a topic."""
    mark = job.meta.get(MARK)
    if isinstance(mark, dict):
        known = _Mark(**mark)
    else:  # enqueued by a process that is not installed
        task, project = _described(job)
        known = _Mark(FIRST, job.group_id, task, cast("str | None", project))
    topics = topics_of_job(job.id, known.project, known.task or "a job of RQ")
    return Run(topics, known.task, known.run, known.parent) if topics else None


def _parent_of(job: Job) -> str | None:
    """What a job is a part of: the job that enqueues it, or its group.

    What waits for another job is a part of what that one is.
    """
    running = current_progress().job_id
    if running is not None and running != job.id:
        return running
    if job.group_id:
        return str(job.group_id)
    try:
        dependency = job.dependency
    except NoSuchJobError:
        return None
    mark = dependency.meta.get(MARK) if dependency is not None else None
    return mark.get("parent") if isinstance(mark, dict) else None


def _seconds_until_retry(job: Job) -> float | None:
    """How long RQ waits before it tries a job again that failed; None: it does not."""
    return job.get_retry_interval() if job.should_retry else None
