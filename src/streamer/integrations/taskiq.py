"""taskiq: its middleware, which reports the life of every task as that of a job."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Final, NamedTuple

from taskiq import AsyncBroker, TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from ..events.trace import trace_in
from ..jobs.attempts import Attempts
from ..jobs.current import progress as current_progress
from ..jobs.keys import FIRST
from ..jobs.lifecycle import Run
from ..jobs.place import Place, go_back_to, where_it_is
from ..jobs.running import RunningJob
from ..jobs.stops import JobCancelled, Raised
from ..jobs.topics_of_job import topics_of_job
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import current_trace

#: Label and keyword argument of a task: the project.
PROJECT: Final = "project_id"
#: Label of a message: which run of its job it is.
RUN: Final = "streamer_run"
#: Label of a message: the id of the job that it is a part of; empty if of none.
PARENT: Final = "streamer_parent"
#: Where taskiq's own middlewares count retries.
_RETRIES: Final = "_retries"


class _Cancelled(JobCancelled, NoResultError):
    """For which taskiq's middlewares do not retry a task."""

    __template__ = "the job was cancelled"

    def __init__(self, _: str) -> None:
        NoResultError.__init__(self)  # which takes no text


_RAISED: Final = Raised(_Cancelled)


class _Begun(NamedTuple):
    """A task that this coroutine runs.

    Attributes:
        failed: what it raised, from then on.
        before: whose progress was current.
    """

    job: RunningJob
    before: Place
    failed: list[BaseException]


_begun: Final[ContextVar[_Begun | None]] = ContextVar("streamer_taskiq", default=None)


class JobEvents(TaskiqMiddleware):
    """Publishes each task's life to the topics of its job; anywhere in a broker's middlewares.

    What waits for the log does so in a thread: the loop runs on.
    """

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float) -> None:
        super().__init__()
        self._attempts: Final = Attempts(publisher, lease_seconds=lease_seconds)
        self._reports: Final = self._attempts.reports

    @property
    def publisher(self) -> SyncPublisher:
        """What the jobs are reported by."""
        return self._attempts.publisher

    def startup(self) -> None:
        """Announce a worker, and its queue, until it is shut down."""
        if self.broker.is_worker_process:
            self._attempts.running.announce(lambda: [self._queue()])

    async def shutdown(self) -> None:
        """Deliver what is buffered."""
        await asyncio.to_thread(self._attempts.running.stop)
        await asyncio.to_thread(self._reports.settle)

    async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Report ``queued``, or ``retrying`` if it is the job that just failed here."""
        begun, labels = _begun.get(), message.labels
        if begun is not None and begun.job.job_id == message.task_id:
            begun.job.retried = True
            error = begun.failed[0] if begun.failed else None
            delay = int(float(labels.get("delay", 0)) * 1000)
            await asyncio.to_thread(self._reports.retrying, begun.job, delay, error)
            return message
        if RUN in labels and _retries_of(message):
            return message  # a scheduler sends it, to be tried again
        topics = self._topics_of(message)
        if not topics:
            return message
        parent = current_progress().job_id
        trace = trace_in(labels) or current_trace()
        parent = parent if parent != message.task_id else None
        run = Run(topics, message.task_name, FIRST, parent, trace)
        name = await asyncio.to_thread(
            self._attempts.enqueue, run, self._queue(), is_marked=RUN in labels
        )
        carried = {} if trace is None else trace.to_fields()
        message.labels = {**labels, **carried, RUN: name, PARENT: run.parent or ""}
        return message

    async def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Report ``started``."""
        topics, before = self._topics_of(message), where_it_is()
        if not topics:
            return message
        labels = message.labels
        name, parent = labels.get(RUN) or FIRST, labels.get(PARENT) or None
        run = Run(topics, message.task_name, name, parent, trace_in(labels))
        job = await asyncio.to_thread(self._begin, run, _retries_of(message))
        _begun.set(_Begun(job, before, []))
        if job.superseded:
            go_back_to(Place(job.progress, None))
        else:
            self._attempts.enter(job)
        return message

    def _begin(self, run: Run, retries: int) -> RunningJob:
        run, standing = self._attempts.take(run, retries=retries)
        job = self._attempts.prepare(
            run, standing, queue=self._queue(), retries=retries, raised=_RAISED
        )
        if standing.cancelled:
            # No middleware can keep a task from being begun: it stops where it asks.
            job.superseded = True
            job.progress.silence()
            job.progress.cancel()
            if not standing.over:
                self._reports.skipped(run)
        elif not self._attempts.start(job, reset=standing.reset):
            job.progress.cancel()
        return job

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[object], exception: BaseException
    ) -> None:
        """Keep what was raised, whatever another middleware makes of it."""
        begun = _begun.get()
        if begun is None or begun.job.job_id != message.task_id:
            return
        begun.failed.append(exception)
        if isinstance(exception, JobCancelled):
            # taskiq would store nothing, and somebody may wait for it.
            result.error = JobCancelled("the job was cancelled")

    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[object]) -> None:
        """Report ``completed``, ``cancelled`` or ``error``, unless it is tried again."""
        begun = _begun.get()
        if begun is None or begun.job.job_id != message.task_id:
            return
        _begun.set(None)
        self._attempts.leave(begun.job)
        go_back_to(begun.before)
        error = begun.failed[0] if begun.failed else None
        later = error is not None and not isinstance(error, NoResultError)
        later = later and isinstance(result.error, NoResultError)
        await asyncio.to_thread(self._end, begun.job, error, result.return_value, later=later)

    def _end(
        self, job: RunningJob, error: BaseException | None, result: object, *, later: bool
    ) -> None:
        if job.retried:
            pass
        elif later:
            self._reports.retrying(job, 0, error)
        elif isinstance(error, JobCancelled):
            self._attempts.cancelled(job)
        elif error is None or isinstance(error, NoResultError):
            self._attempts.completed(job, result)
        else:
            self._attempts.failed(job, error)
        self._attempts.release(job)

    def _queue(self) -> str:
        return str(getattr(self.broker, "queue_name", "taskiq"))

    def _topics_of(self, message: TaskiqMessage) -> tuple[str, ...]:
        project = message.labels.get(PROJECT) or message.kwargs.get(PROJECT)
        return topics_of_job(message.task_id, project, message.task_name)


def install(broker: AsyncBroker, publisher: SyncPublisher, *, lease_seconds: float) -> None:
    """Report the tasks of `broker`; nothing happens if it does that already.

    Raises:
        ValueError: it does, by another publisher.
    """
    for each in broker.middlewares:
        if isinstance(each, JobEvents):
            if each.publisher is publisher:
                return
            raise ValueError("this broker reports its tasks already, by a publisher of its own")
    broker.add_middlewares(JobEvents(publisher, lease_seconds=lease_seconds))


def _retries_of(message: TaskiqMessage) -> int:
    return int(message.labels.get(_RETRIES, 0))
