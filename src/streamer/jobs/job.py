"""A job without a queue: ``with streamer.job("encode", project="p1") as job:``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ..errors import StreamerError
from ..events.job_event import MAX_NAME_LENGTH
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import current_trace
from ..tracing.spans import STREAMER
from .attempts import NEW, Attempts, Standing, new_run
from .current import current
from .keys import FIRST
from .lifecycle import Run
from .place import go_back_to, where_it_is
from .progress import Progress
from .running import RunningJob, run_in
from .shared import shared_attempts
from .stops import JobCancelled
from .topics_of_job import topics_of_job

T = TypeVar("T")

#: What ends a job without its having failed: somebody asked for that.
_CANCELLED: Final = (JobCancelled, KeyboardInterrupt, asyncio.CancelledError)

_logger: Final = logging.getLogger(__name__)


class Job:
    """What runs within a ``with``, or an ``async with``; made by `job`.

    Attributes:
        id: the job's id: its topic is ``jobs/{id}``.
        task_name: what runs.
        result: what it came to, for ``completed``: anything that JSON can express.
    """

    def __init__(
        self,
        task_name: str,
        project: object,
        job_id: str | None,
        attempts: Attempts | None,
        *,
        is_alone: bool,
    ) -> None:
        self.id: Final = uuid.uuid4().hex if job_id is None else str(job_id)
        self.task_name: Final = str(task_name)[:MAX_NAME_LENGTH]
        self.result: object = None
        self._is_known: Final = job_id is not None
        self._topics: Final = topics_of_job(self.id, project, self.task_name)
        self._attempts: Final = attempts if self._topics else None
        self._is_alone: Final = is_alone
        self._progress = Progress(lambda *_: None)
        self._running: RunningJob | None = None
        self._was = where_it_is()
        self._lock: Final = threading.Lock()
        self._entered = False

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1: a job that was killed may be begun again."""
        return self._progress.attempt

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the job to be cancelled."""
        return self._progress.cancelled

    def progress(self, fraction: float, message: str | None = None, **metadata: object) -> None:
        """Do ``streamer.progress().update(…)``, from any thread.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled; never in a thread
                that helps.
        """
        self._progress.update(fraction, message, **metadata)

    def track(
        self, iterable: Iterable[T], total: int | None = None, message: str | None = None
    ) -> Iterator[T]:
        """Do ``streamer.track(…)``.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
        """
        return self._progress.track(iterable, total, message)

    def raise_if_cancelled(self) -> None:
        """Call this often in a long job that reports nothing.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
        """
        self._progress.raise_if_cancelled()

    def __enter__(self) -> Self:
        """Report ``queued`` and ``started``; ``streamer.progress()`` is the job's from here on."""
        self._enter_once()
        try:
            self._begin()
        except BaseException as error:  # a Ctrl-C, between two jobs of ours
            self._end(error)
            raise
        self._go_in()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Report ``completed``, ``cancelled`` or ``error``; what was raised goes on."""
        self._go_out()
        self._end(error)

    async def __aenter__(self) -> Self:
        """Do as `__enter__`, while the loop runs on."""
        self._enter_once()
        try:
            await _to_its_end(self._begin)
        except asyncio.CancelledError as error:
            await _to_its_end(self._end, error)
            raise
        self._go_in()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do as `__exit__`, while the loop runs on."""
        self._go_out()
        await _to_its_end(self._end, error)

    def _enter_once(self) -> None:
        with self._lock:
            if self._entered:
                raise RuntimeError("a job is entered once; make another with streamer.job(...)")
            self._entered = True
        self._was = where_it_is()

    def _begin(self) -> None:
        attempts = self._attempts
        if attempts is None:
            return
        run, standing = self._next(attempts)
        job = attempts.prepare(run, standing, queue=None, system=STREAMER)
        self._running, self._progress = job, job.progress
        if standing.number == 1:
            attempts.reports.queued(run, None)
        if not attempts.start(job, reset=False) or standing.cancelled:
            job.progress.cancel()  # in this moment: it stops where it asks whether to

    def _next(self, attempts: Attempts) -> tuple[Run, Standing]:
        """The run that this is: another one where the job has run before, to its end."""
        within = current()  # also of a process that helps with one
        parent = within.job_id if within is not None and within.job_id != self.id else None
        run = Run(self._topics, self.task_name, FIRST, parent, current_trace())
        if not self._is_known:
            return run, NEW
        before, _ = attempts.reports.look(run.topics, run.name)
        if before is not None:
            run = run._replace(id=run_in(before) or FIRST)
        standing = attempts.look(run)
        if standing.over:
            run = run._replace(id=new_run())
            standing = attempts.look(run)
        return run, standing

    def _go_in(self) -> None:
        if self._running is not None and self._attempts is not None:
            self._attempts.enter(self._running)
        else:
            go_back_to(self._was._replace(progress=self._progress, task=None))

    def _go_out(self) -> None:
        if self._running is not None and self._attempts is not None:
            self._attempts.leave(self._running)
        go_back_to(self._was)

    def _end(self, error: BaseException | None) -> None:
        job, attempts = self._running, self._attempts
        if job is None or attempts is None:
            return
        if isinstance(error, _CANCELLED):
            attempts.cancelled(job)
        elif error is None or (isinstance(error, SystemExit) and not error.code):
            attempts.completed(job, self.result)
        else:
            attempts.failed(job, _in_words(error))
        attempts.release(job)
        if self._is_alone:
            attempts.running.stop()


def job(
    task_name: str,
    *,
    project: object = None,
    id: str | None = None,  # noqa: A002 - what it is everywhere else
    redis_url: str | None = None,
    prefix: str | None = None,
    publisher: SyncPublisher | None = None,
) -> Job:
    """Report what runs within ``with streamer.job(…)`` as a job: in a script, a cron, a thread.

    Reporting never fails the job: where there is no log, or `id` or `project` cannot be
    part of a topic, that is logged, and the work is done.

    Args:
        task_name: what runs, such as ``"encode"``.
        project: the project that it works for: its events go to ``projects/{project}``, too.
        id: the job's; by default one that nobody has. Once more after its end it is
            run again; after a script was killed it is the next attempt.
        redis_url: where the event log is; as for `install`.
        prefix: of the log's keys; as for `install`.
        publisher: instead of the two: one of your own.

    Raises:
        InvalidSetting: `redis_url` or `prefix` is malformed.
    """
    attempts = None
    try:
        attempts = shared_attempts(redis_url, prefix) if publisher is None else Attempts(publisher)
    except StreamerError as error:
        _logger.warning("the job %r is not reported: %s", task_name, error)
    return Job(task_name, project, id, attempts, is_alone=publisher is not None)


def _in_words(error: BaseException) -> BaseException:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return SystemExit(f"exit code {error.code}")  # else its whole text is a number
    return error


async def _to_its_end(function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
    """Run what blocks for a moment in a thread, to its end also where the task is cancelled."""
    done = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        raise
