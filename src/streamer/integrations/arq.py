"""arq: what is enqueued, begun and ended in this process is reported as the life of a job.

A job is a job of arq's, its id the same. arq has no signals and one worker class, whose hooks
know neither a job's name nor its end: so methods of its classes are wrapped, once for a
process. A message of arq's has no room for what we need, so a worker reads it in the log.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
from arq.connections import ArqRedis  # type: ignore[import-not-found]
from arq.constants import job_key_prefix, result_key_prefix  # type: ignore[import-not-found]
from arq.jobs import SerializationError, deserialize_result  # type: ignore[import-not-found]
from arq.worker import Retry, RetryJob, Worker  # type: ignore[import-not-found]

from ..events.snapshot import Snapshot
from ..events.topic import job_topic
from ..jobs import lifecycle
from ..jobs.attempts import Attempts
from ..jobs.current import progress as current_progress
from ..jobs.keys import FIRST
from ..jobs.lifecycle import Attempt, Run
from ..jobs.place import Place, go_back_to, where_it_is
from ..jobs.publishable import text_of
from ..jobs.running import RunningJob, run_in
from ..jobs.stops import JobCancelled
from ..jobs.topics_of_job import topics_of_job
from ..publishing.sync_publisher import SyncPublisher

#: Keyword argument of a job: the project.
PROJECT: Final = "project_id"
_STOPPED: Final = RuntimeError("its worker was stopped")
#: What arq calls the function of a job that has expired, or cannot be read.
_UNKNOWN: Final = "<unknown>"
#: Characters of an error's text.
_ERROR_CHARACTERS: Final = 2000


class _Function(Protocol):
    """A function of arq's, or a job of its cron."""

    name: str
    coroutine: Callable[..., Awaitable[object]]


class ArqJobs:
    """Reports the jobs of this process; no method raises.

    What waits for the log does so in a thread: the loop runs on.
    """

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float) -> None:
        self.publisher: Final = publisher
        self._attempts: Final = Attempts(publisher, lease_seconds=lease_seconds)
        self._reports: Final = self._attempts.reports
        self._cancelled: Final[dict[str, RunningJob]] = {}

    # In whatever process enqueues.

    def enqueue(self, job_id: str, task: str, project: object, queue: str) -> None:
        """Report ``queued`` of a job that is about to be."""
        topics = topics_of_job(_own(job_id), project, task)
        if topics:
            run = Run(topics, task, FIRST, current_progress().job_id)
            self._attempts.enqueue(run, queue, is_marked=False)

    # Where a job runs.

    async def run(
        self,
        worker: Worker,
        function: _Function,
        ctx: dict[str, Any],
        *args: object,
        **kwargs: object,
    ) -> object:
        """Run a job, and report its attempt."""
        before = where_it_is()
        topics = topics_of_job(_own(ctx["job_id"]), kwargs.get(PROJECT), function.name)
        if not topics:
            return await function.coroutine(ctx, *args, **kwargs)
        job = await asyncio.to_thread(self._begin, Run(topics, function.name), worker.queue_name)
        if job is None:
            raise JobCancelled("cancelled before it was started")
        self._attempts.enter(job)
        try:
            result = await function.coroutine(ctx, *args, **kwargs)
        except (Exception, asyncio.CancelledError) as error:
            raised: BaseException = error
            if isinstance(error, asyncio.CancelledError):
                if ctx["job_id"] not in worker.aborting_tasks:
                    # Late, or its worker stops: arq says which when it is done with it.
                    self._cancelled[ctx["job_id"]] = job
                    self._attempts.leave(job)
                    go_back_to(before)
                    raise
                raised = JobCancelled("it was aborted")
            again = worker.retry_jobs and isinstance(raised, Retry | RetryJob)
            await self._leave(job, before, lambda: self._raised(job, raised, again=again))
            raise
        await self._leave(job, before, lambda: self._attempts.completed(job, result))
        return result

    def _begin(self, run: Run, queue: str) -> RunningJob | None:
        """Report ``started``; None if it was cancelled while it waited."""
        snapshot, _ = self._reports.look(run.topics, run.name)
        if snapshot is not None:
            run = run._replace(id=run_in(snapshot) or FIRST, parent=_parent_in(snapshot))
        run, standing = self._attempts.take(run)
        if standing.cancelled:
            if not standing.over:
                self._reports.skipped(run)
            return None
        job = self._attempts.prepare(run, standing, queue=queue)
        if not self._attempts.start(job, reset=standing.reset):
            job.progress.cancel()
        return job

    async def _leave(self, job: RunningJob, before: Place, report: Callable[[], None]) -> None:
        def end() -> None:
            self._attempts.leave(job)
            report()
            self._attempts.release(job)

        # arq may cancel it in this moment; what is done is done, and it is reported.
        await asyncio.shield(asyncio.to_thread(end))
        go_back_to(before)

    def _raised(self, job: RunningJob, error: BaseException, *, again: bool) -> None:
        if isinstance(error, JobCancelled):
            self._attempts.cancelled(job)
        elif again:
            delay = getattr(error, "defer_score", None) or 0
            self._reports.retrying(job, delay, error.__cause__ or error)
        else:
            self._attempts.failed(job, error)

    def finished(self, job_id: str, *, is_over: bool) -> None:
        """Report what became of a job that arq has cancelled, if it has."""
        job = self._cancelled.pop(job_id, None)
        if job is not None:
            error = TimeoutError("it took longer than it may") if is_over else _STOPPED
            self._raised(job, error, again=not is_over)
            self._attempts.release(job)

    def is_cancelled(self, job_id: str) -> bool:
        """Whether `finished` has something to report."""
        return job_id in self._cancelled

    # In a worker, of a job that it does not begin.

    def refused(self, job_id: str, task: str | None, project: object, error: BaseException) -> None:
        """Report the end of a job that was tried too often, has expired, or was aborted."""
        own = _own(job_id)
        topics = topics_of_job(own, project, task or "a job of arq")
        if not topics:
            return
        snapshot, _ = self._reports.look((job_topic(own),), own)
        if snapshot is None or snapshot.terminal is not None:
            return
        if snapshot.project is not None:
            topics = (snapshot.project, topics[-1])
        run = Run(topics, task or _task_in(snapshot), run_in(snapshot) or FIRST)
        attempt = Attempt(run, snapshot.attempt or 0)
        if isinstance(error, asyncio.CancelledError):
            self._reports.report(lifecycle.cancelled(attempt))
        elif attempt.number:
            kind = type(error).__name__
            self._reports.report(lifecycle.failed(attempt, _text_of(error), kind))
        else:
            self._reports.refused(run, _text_of(error))

    # Of a worker.

    def announce(self, worker: Worker) -> None:
        """Announce a worker, and its queue, until `stop`."""
        self._attempts.running.announce(lambda: [worker.queue_name])

    def stop(self) -> None:
        """Withdraw what was announced, and deliver what is buffered."""
        self._attempts.running.stop()
        self._reports.settle()


_installed: ArqJobs | None = None


def install(queue: object, publisher: SyncPublisher, *, lease_seconds: float) -> None:
    """Report the jobs of this process; nothing happens if they are already.

    Raises:
        ValueError: jobs of this process are reported to another log.
    """
    global _installed  # noqa: PLW0603 - as arq's classes are
    if _installed is None:
        _installed = ArqJobs(publisher, lease_seconds=lease_seconds)
        _wrap_classes(_installed)
    elif _installed.publisher is not publisher:
        raise ValueError(
            "arq's jobs of this process are reported already, by a publisher of its own: "
            "one process reports to one log"
        )
    if isinstance(queue, Worker):  # made before there was a line
        _wrap_worker(queue, _installed)


def _wrap_classes(reported: ArqJobs) -> None:
    enqueue_job, make = ArqRedis.enqueue_job, Worker.__init__
    finish_job, finish_failed_job = Worker.finish_job, Worker.finish_failed_job

    @wraps(enqueue_job)
    async def enqueue_and_report(
        pool: ArqRedis, function: str, *args: object, **kwargs: object
    ) -> object:
        given = kwargs.get("_job_id")
        if given and await pool.exists(f"{job_key_prefix}{given}", f"{result_key_prefix}{given}"):
            return await enqueue_job(pool, function, *args, **kwargs)  # which enqueues nothing
        kwargs["_job_id"] = job_id = str(given or uuid4().hex)
        queue = str(kwargs.get("_queue_name") or pool.default_queue_name)
        await asyncio.to_thread(reported.enqueue, job_id, function, kwargs.get(PROJECT), queue)
        return await enqueue_job(pool, function, *args, **kwargs)

    @wraps(make)
    def make_and_wrap(worker: Worker, *args: object, **kwargs: object) -> None:
        make(worker, *args, **kwargs)
        _wrap_worker(worker, reported)

    @wraps(finish_job)
    async def report_and_finish(
        worker: Worker,
        job_id: str,
        finish: bool,  # noqa: FBT001 - as arq has it
        *args: object,
    ) -> None:
        if reported.is_cancelled(job_id):
            await asyncio.to_thread(reported.finished, job_id, is_over=finish)
        await finish_job(worker, job_id, finish, *args)

    @wraps(finish_failed_job)
    async def finish_and_report(worker: Worker, job_id: str, result_data: bytes | None) -> None:
        await finish_failed_job(worker, job_id, result_data)
        if result_data is None:
            return
        try:
            result = deserialize_result(result_data, deserializer=worker.job_deserializer)
        except SerializationError:
            return
        task = None if result.function == _UNKNOWN else result.function
        project = result.kwargs.get(PROJECT)
        await asyncio.to_thread(reported.refused, job_id, task, project, result.result)

    ArqRedis.enqueue_job = enqueue_and_report
    Worker.__init__ = make_and_wrap
    Worker.finish_job = report_and_finish
    Worker.finish_failed_job = finish_and_report


def _wrap_worker(worker: Worker, reported: ArqJobs) -> None:
    """Have a worker report what it runs, and itself; once."""
    if getattr(worker, "streamer", None) is reported:
        return
    worker.streamer = reported
    for name, function in worker.functions.items():
        worker.functions[name] = dataclasses.replace(
            function, coroutine=_reporting(worker, function, reported)
        )
    startup, shutdown = worker.on_startup, worker.on_shutdown

    async def on_startup(ctx: dict[str, Any]) -> None:
        reported.announce(worker)
        if startup:
            await startup(ctx)

    async def on_shutdown(ctx: dict[str, Any]) -> None:
        await asyncio.to_thread(reported.stop)
        if shutdown:
            await shutdown(ctx)

    worker.on_startup, worker.on_shutdown = on_startup, on_shutdown


def _reporting(
    worker: Worker, function: _Function, reported: ArqJobs
) -> Callable[..., Awaitable[object]]:
    @wraps(function.coroutine)
    async def run(ctx: dict[str, Any], *args: object, **kwargs: object) -> object:
        return await reported.run(worker, function, ctx, *args, **kwargs)

    return run


def _own(job_id: str) -> str:
    """The id of a job: arq's, with dots for the colons that those of its cron have."""
    return job_id.replace(":", ".")


def _text_of(error: BaseException) -> str:
    return text_of(error, _ERROR_CHARACTERS)


def _parent_in(snapshot: Snapshot) -> str | None:
    """What a job is a part of, as it was reported when it was enqueued."""
    for body in snapshot.tasks.values():
        parent = msgspec.json.decode(body).get("parent_id")
        if isinstance(parent, str):
            return parent
    return None


def _task_in(snapshot: Snapshot) -> str | None:
    return next((name for name in snapshot.tasks if name != lifecycle.CANCEL_TASK), None)
