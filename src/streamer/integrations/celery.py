"""Celery: what its signals say of every task is what is reported of its job.

A job is a task, its id the task's. Celery knows two moments of a task: a message of it is
published, in whatever process (`on_publish`), and a worker runs it (`on_begin`, `on_end`).
What befalls a task whose process is gone, is reported by the worker's first process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from celery import Celery, signals, states  # type: ignore[import-untyped]
from celery.exceptions import Ignore, Reject, Retry  # type: ignore[import-untyped]

from ..events.topic import job_topic
from ..events.trace import trace_in
from ..jobs import lifecycle
from ..jobs.attempts import Attempts, Standing
from ..jobs.current import progress as current_progress
from ..jobs.keys import FIRST
from ..jobs.lifecycle import Attempt, Run
from ..jobs.place import Place, go_back_to, where_it_is
from ..jobs.progress import Progress
from ..jobs.publishable import text_of
from ..jobs.running import RunningJob, run_in
from ..jobs.stops import JobCancelled, Raised
from ..jobs.topics_of_job import topics_of_job
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import current_trace

#: Header and keyword argument of a task, and attribute of its function: the project.
PROJECT: Final = "project_id"
#: Header of a message: which run of its job it is.
RUN: Final = "streamer_run"
#: Header of a message: the id of the job that it is a part of; empty if of none.
PARENT: Final = "streamer_parent"
#: Where a message has what Celery publishes after it.
_FOLLOWING: Final = ("callbacks", "errbacks", "chain", "chord")
#: Celery's own, which nobody waits for.
_INTERNAL: Final = frozenset({"celery.chord_unlock", "celery.backend_cleanup"})
#: Characters of an error's text.
_ERROR_CHARACTERS: Final = 2000


class _Cancelled(JobCancelled, Ignore):  # type: ignore[misc]
    """For which Celery neither retries a task nor calls it failed."""


_RAISED: Final = Raised(_Cancelled)


class _Begun(NamedTuple):
    """A task that this thread, or greenlet, is at; one within another, if it is eager.

    Attributes:
        job: what is reported of it; None: nothing.
        refused: it was cancelled before it began.
        before: whose progress was current.
    """

    task_id: str
    job: RunningJob | None
    refused: bool
    before: Place


_begun: Final[ContextVar[tuple[_Begun, ...]]] = ContextVar("streamer_celery", default=())


class CeleryJobs:
    """Reports the tasks of this process; signals are the process's, not an app's."""

    def __init__(self, publisher: SyncPublisher, *, lease_seconds: float) -> None:
        self.publisher: Final = publisher
        self._attempts: Final = Attempts(publisher, lease_seconds=lease_seconds)
        self._reports: Final = self._attempts.reports

    def connect(self) -> None:
        """Hear Celery's signals from now on."""
        for signal, heard in (
            (signals.before_task_publish, self.on_publish),
            (signals.task_prerun, self.on_begin),
            (signals.task_postrun, self.on_end),
            (signals.task_failure, self.on_failure),
            (signals.task_internal_error, self.on_failure),
            (signals.task_revoked, self.on_revoked),
            (signals.task_unknown, self.on_unknown),
            (signals.worker_ready, self.on_worker_ready),
            (signals.worker_shutdown, self.on_worker_shutdown),
            (signals.worker_process_shutdown, self.on_process_shutdown),
        ):
            signal.connect(heard, weak=False)

    def adopt(self, app: Celery) -> None:
        """Have no task of `app` begin that was cancelled: that no signal can do."""
        earlier = app.Task.before_start

        def before_start(task: Any, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ANN401
            begun = _begun.get()
            if begun and begun[-1].task_id == task_id and begun[-1].refused:
                raise _Cancelled("cancelled before it was started")
            earlier(task, task_id, args, kwargs)

        app.Task.before_start = before_start

    # In whatever process publishes.

    def on_publish(  # noqa: D102
        self,
        sender: str,
        body: Any,  # noqa: ANN401
        headers: dict[str, Any],
        routing_key: str | None = None,
        declare: Any = None,  # noqa: ANN401
        **_: object,
    ) -> None:
        if sender in _INTERNAL or "id" not in headers or not isinstance(body, tuple | list):
            return  # messages of the first protocol have no room for what we need
        _, kwargs, embed = body
        job_id = str(headers["id"])
        job = _job_of(job_id)
        parent = job.run.parent if job is not None else _parent_of(job_id, headers, embed)
        headers[PARENT] = parent or ""
        if _mark_following(embed, parent) & {begun.task_id for begun in _begun.get()}:
            self._is_continued()
        if job is not None:
            headers[RUN] = job.run.id
            job.retried = True  # or replaced, by a task with its id: it is not over
            error = sys.exc_info()[1]
            if headers.get("retries", 0) > job.retries and error is not None:
                # Before another worker begins it.
                self._reports.retrying(job, _milliseconds_until(headers.get("eta")), error)
            return
        project = _project_of(headers, kwargs, sender)
        topics = topics_of_job(job_id, project, sender)
        if not topics:
            return
        if len(topics) > 1:
            headers[PROJECT] = str(project)
        if trace_in(headers) is None and (trace := current_trace()) is not None:
            headers.update(trace.to_fields())
        run = Run(topics, sender, FIRST, parent, trace_in(headers))
        queue = declare[0].name if declare else routing_key
        headers[RUN] = self._attempts.enqueue(run, queue, is_marked=RUN in headers)

    def _is_continued(self) -> None:
        """Know that the task which runs here is replaced by what ends with its id."""
        for begun in _begun.get():
            if begun.job is not None:
                begun.job.retried = True

    # Where a task runs.

    def on_begin(self, task_id: str, task: Any, **_: object) -> None:  # noqa: ANN401, D102
        before, request = where_it_is(), task.request
        begun = _Begun(task_id, None, refused=False, before=before)
        try:
            run = _run_of(task_id, request, task.name)
            if run is None or task.name in _INTERNAL:
                return
            run, standing = self._attempts.take(run, retries=request.retries)
            if standing.cancelled:
                begun = begun._replace(refused=True)
                self._refuse(run, standing)
                return
            queue = (request.delivery_info or {}).get("routing_key")
            job = self._attempts.prepare(
                run, standing, queue=queue, retries=request.retries, raised=_RAISED
            )
            begun = begun._replace(job=job)
            if request.is_eager and standing.number == 1:
                self._reports.queued(run, None)
            if not self._attempts.start(job, reset=standing.reset):
                job.progress.cancel()
            self._attempts.enter(job)
        finally:
            _begun.set((*_begun.get(), begun))

    def _refuse(self, run: Run, standing: Standing) -> None:
        if not standing.over:
            self._reports.skipped(run)
        # Of a task whose class has a `before_start` of its own: it stops where it asks.
        silent = Progress(lambda *_: None, job_id=run.job_id, raised=_RAISED)
        silent.cancel()
        go_back_to(Place(silent, None))

    def on_end(  # noqa: D102
        self,
        task_id: str,
        task: Any,  # noqa: ANN401
        retval: object = None,
        state: str | None = None,
        **_: object,
    ) -> None:
        begun = _begun.get()
        if not begun or begun[-1].task_id != task_id:
            return
        _begun.set(begun[:-1])
        job, before = begun[-1].job, begun[-1].before
        try:
            if job is not None:
                self._attempts.leave(job)
                self._report_end(job, state, retval)
            if isinstance(retval, JobCancelled) and not task.request.is_eager:
                # Celery stores nothing of what is ignored, and somebody may wait for it.
                _store_revoked(task, task_id)
        finally:
            go_back_to(before)

    def _report_end(self, job: RunningJob, state: str | None, retval: object) -> None:
        if state is None:
            return  # this process ends; the worker's first process says why
        if state == states.RETRY and isinstance(retval, Retry):
            self._reports.retrying(job, _milliseconds(retval.when), retval.exc or retval)
        elif state == states.REJECTED and isinstance(retval, Reject) and retval.requeue:
            self._reports.retrying(job, 0, retval)
        elif job.retried:
            pass
        elif state == states.SUCCESS:
            self._attempts.completed(job, retval)
        elif state == states.IGNORED:
            self._attempts.cancelled(job)
        else:
            error = retval if isinstance(retval, BaseException) else Reject(state)
            self._attempts.failed(job, error)
        self._attempts.release(job)

    # In the worker's first process, of a task whose own is gone, or that never began.

    def on_failure(  # noqa: D102
        self,
        sender: Any,  # noqa: ANN401
        task_id: str,
        exception: BaseException,
        kwargs: Any = None,  # noqa: ANN401
        **_: object,
    ) -> None:
        if any(begun.task_id == task_id for begun in _begun.get()):
            return  # `on_end` reports it
        attempt = self._last_attempt(task_id, sender.name, kwargs)
        if attempt is not None:
            text = text_of(exception, _ERROR_CHARACTERS)
            self._reports.report(lifecycle.failed(attempt, text, type(exception).__name__))

    def on_revoked(  # noqa: D102
        self,
        sender: Any,  # noqa: ANN401
        request: Any,  # noqa: ANN401
        *,
        terminated: bool = False,
        expired: bool = False,
        **_: object,
    ) -> None:
        run = _run_of(request.id, request, sender.name)
        if run is None:
            return
        attempt = (
            self._last_attempt(request.id, sender.name, request.kwargs) if terminated else None
        )
        if attempt is not None:
            self._reports.report(lifecycle.cancelled(attempt))
        elif expired:
            self._reports.refused(run, "it expired before it was started")
        else:
            self._reports.skipped(run)

    def on_unknown(  # noqa: D102
        self,
        name: str,
        id: str,  # noqa: A002 - as Celery calls it
        message: Any,  # noqa: ANN401
        **_: object,
    ) -> None:
        headers = message.headers
        topics = topics_of_job(str(id), headers.get(PROJECT), name)
        if topics:
            run = Run(topics, name, headers.get(RUN, FIRST))
            self._reports.refused(run, f"no worker knows the task {name!r}")

    def _last_attempt(self, task_id: str, name: str, kwargs: object) -> Attempt | None:
        """The attempt that the log has of a task; without an answer, the first."""
        topics = topics_of_job(str(task_id), _project_of({}, kwargs, name), name)
        if not topics:
            return None
        snapshot, _ = self._reports.look((job_topic(str(task_id)),), str(task_id))
        if snapshot is None or snapshot.status is None:
            return Attempt(Run(topics, name), 1)
        if snapshot.project is not None:
            topics = (snapshot.project, topics[-1])
        return Attempt(Run(topics, name, run_in(snapshot) or FIRST), snapshot.attempt or 0)

    def on_worker_ready(self, sender: Any, **_: object) -> None:  # noqa: ANN401, D102
        queues = sender.app.amqp.queues
        self._attempts.running.announce(lambda: list(queues.consume_from))

    def on_worker_shutdown(self, **_: object) -> None:  # noqa: D102
        self._attempts.running.stop()
        self._reports.settle()

    def on_process_shutdown(self, **_: object) -> None:  # noqa: D102
        self.publisher.flush()  # a process of the pool ends without any farewell


_installed: CeleryJobs | None = None
_adopted: Final[set[int]] = set()


def install(app: Celery, publisher: SyncPublisher, *, lease_seconds: float) -> None:
    """Report the tasks of `app`; nothing happens if they are already.

    Raises:
        ValueError: tasks of this process are reported to another log.
    """
    global _installed  # noqa: PLW0603 - as Celery's signals are
    if _installed is None:
        _installed = CeleryJobs(publisher, lease_seconds=lease_seconds)
        _installed.connect()
    elif _installed.publisher is not publisher:
        raise ValueError(
            "tasks of this process are reported already, by a publisher of its own: "
            "Celery's signals are those of all its apps, so there can be one log"
        )
    if id(app) not in _adopted:
        _adopted.add(id(app))
        _installed.adopt(app)


def _job_of(task_id: str) -> RunningJob | None:
    """The job of a task that runs in this thread."""
    return next((each.job for each in _begun.get() if each.task_id == task_id), None)


def _run_of(task_id: str, request: Any, name: str) -> Run | None:  # noqa: ANN401
    """The run that a delivered message is; None if its id cannot be part of a topic."""
    project = _project_of({PROJECT: request.get(PROJECT)}, request.kwargs, name)
    topics = topics_of_job(str(task_id), project, name)
    parent = request.get(PARENT)
    if parent is None:  # published by a process that is not installed
        parent = request.group
    if not topics:
        return None
    return Run(topics, name, request.get(RUN) or FIRST, parent or None, trace_in(request))


def _project_of(headers: Mapping[str, Any], kwargs: object, name: str) -> object:
    """The project of a task: of this message, or of all with its name."""
    for given in (headers, kwargs):
        project = given.get(PROJECT) if isinstance(given, Mapping) else None
        if project is not None and project != "":
            return project
    from celery import current_app  # noqa: PLC0415 - the app of this thread

    return getattr(current_app.tasks.get(name), PROJECT, None)


def _parent_of(job_id: str, headers: Mapping[str, Any], embed: object) -> str | None:
    """What a message is a part of: the job that publishes it, or its group, or its chain.

    What Celery publishes since another task is done, is a part of what that one is.
    """
    marked = headers.get(PARENT)
    if isinstance(marked, str):
        return marked or None
    running = current_progress().job_id
    if running is not None and running != job_id:
        return running
    if headers.get("group"):
        return str(headers["group"])
    return f"chain-{job_id}" if isinstance(embed, Mapping) and embed.get("chain") else None


def _mark_following(embed: object, parent: str | None) -> set[str]:
    """Have all that follows a message be a part of `parent`; return the ids of its tasks.

    Copies are marked: a signature is its user's own, who may use it again.
    """
    ids: set[str] = set()
    if not isinstance(embed, dict):
        return ids
    for key in _FOLLOWING:
        given = embed.get(key)
        if not given:
            continue
        several = given if isinstance(given, list | tuple) else [given]
        marked = [_marked(each, parent or "") for each in several]
        embed[key] = marked if isinstance(given, list | tuple) else marked[0]
        if key in {"chain", "chord"}:
            options = [each.get("options", {}) for each in marked if isinstance(each, Mapping)]
            ids.update(str(each["task_id"]) for each in options if each.get("task_id"))
    return ids


def _marked(signature: Any, parent: str) -> Any:  # noqa: ANN401
    if not isinstance(signature, Mapping):
        return signature
    options = dict(signature.get("options") or {})
    options["headers"] = {**(options.get("headers") or {}), PARENT: parent}
    return {**signature, "options": options}


def _store_revoked(task: Any, task_id: str) -> None:  # noqa: ANN401
    """Do as Celery does for a task that it revokes."""
    request = task.request
    ignored = task.ignore_result if request.ignore_result is None else request.ignore_result
    task.backend.mark_as_revoked(task_id, "cancelled", request, store_result=not ignored)


def _milliseconds(when: object) -> int:
    """How long it is until a retry, which Celery gives in seconds or as a time."""
    if isinstance(when, datetime):
        return _milliseconds_until(when.isoformat())
    return int(when * 1000) if isinstance(when, int | float) else 0


def _milliseconds_until(eta: object) -> int:
    try:
        moment = datetime.fromisoformat(str(eta))
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, round((moment - datetime.now(UTC)).total_seconds() * 1000))
