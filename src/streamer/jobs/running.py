"""The jobs that this process is running: their signs of life, and how they stand in the log."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from ..errors import LogUnavailable
from ..eventlog.leases import Lease
from ..eventlog.workers import ANNOUNCE_SECONDS
from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event
from ..events.snapshot import Snapshot
from ..every import every_until
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.spans import Work
from . import lifecycle
from .keys import FIRST, end_key
from .lifecycle import CANCEL_TASK, CANCELLING, Attempt, Run
from .progress import Progress

#: Seconds between two looks at the log: how soon a job learns that it is cancelled.
LOOK_SECONDS: Final = 0.5
#: Seconds between two signs of life, at most.
_RENEW_SECONDS: Final = 1.0
#: Times a lease is renewed while it is held, at least: one may be late, one lost.
_RENEWALS: Final = 4
#: Seconds that what the thread is at may take when it is to end.
_STOP_SECONDS: Final = 1.0
#: Events of one job read at each look; more are read at the next.
_PAGE: Final = 500

_logger: Final = logging.getLogger(__name__)


class RunningJob:
    """One attempt of one run of a job.

    Attributes:
        run: which run of which job it is.
        number: which attempt of the run, counted from 1.
        work: its span, if spans are made.
        queue: where it waited, if in a queue.
        retries: Dramatiq's count of retries as the attempt began.
        seen: the log's position up to which the job's events are known here.
        superseded: the log says that the run is over, or in a later attempt (this
            one was thought dead), or that another run of the job has started: this
            one must report nothing further.
        retried: the message was enqueued again, to be tried again.
        enqueued: the runs of the job that it has itself enqueued, or tried to.
        waiting: the last of those that was.
        owed: the topic and the message that it is to answer, if any.
        stalled: the id of the event that called this attempt stalled, until it
            reported something itself.
    """

    def __init__(
        self,
        run: Run,
        number: int,
        progress: Progress,
        work: Work | None = None,
        *,
        queue: str | None = None,
        retries: int = 0,
        seen: Cursor = ORIGIN,
    ) -> None:
        self.run: Final = run
        self.number: Final = number
        self.progress: Final = progress
        self.work: Final = Work(run.trace) if work is None else work
        self.queue: Final = queue
        self.retries: Final = retries
        self.seen = seen
        self.owed: tuple[str, str] | None = None
        self.superseded = False
        self.retried = False
        self.enqueued: list[str] = []
        self.waiting: str | None = None
        self.stalled: Cursor | None = None
        #: One checkpoint is on its way at a time: an older one must not come after a newer.
        self._keeping: Final = threading.Lock()

    @property
    def job_id(self) -> str:
        """The job's id, which is its message's."""
        return self.run.job_id

    @property
    def topic(self) -> str:
        """The job's own topic."""
        return self.run.topics[-1]

    @property
    def attempt(self) -> Attempt:
        """What its events are of, and must not follow."""
        return Attempt(self.run, self.number, tuple(self.enqueued))

    @property
    def lease(self) -> Lease:
        """Its sign of life."""
        return Lease(self.run.name, self.run.topics, self.number, self.run.task_name)

    def keep_checkpoint(self, publisher: SyncPublisher) -> None:
        """Have the log keep the newest checkpoint, if it does not yet; blocks for a moment."""
        with self._keeping:
            value = None if self.superseded else self.progress.telling.take_checkpoint()
            if value is None:
                return
            job_id, run, number = self.job_id, self.run.id, self.number
            kept, end = bytes(value), (self.run.topics[0], end_key(self.run.name))
            if publisher.away:  # a job does not wait for what is not there
                self.progress.telling.give_back(value)
                return
            try:
                publisher.ask(
                    lambda log: log.checkpoints.keep(job_id, run, number, kept, unless=end)
                )
            except LogUnavailable:
                self.progress.telling.give_back(value)

    def look_at(self, event: Event) -> None:
        """Learn from an event of the job, whoever reported it, whether to stop."""
        if event.type == "progress":
            self.stalled = None
        elif event.type == "status" or event.terminal:
            self._look_at(event, msgspec.json.decode(event.fields))

    def _look_at(self, event: Event, fields: dict[str, Any]) -> None:
        status = fields.get("status") if event.type == "status" else None
        if fields.get("run", FIRST) != self.run.id:
            if status == "started":
                # It continues, for it is work that somebody asked for; but the job
                # is reported as the run that started last.
                self.superseded = True
                self.progress.silence()
        elif event.terminal or (status == "started" and fields.get("attempt", 0) > self.number):
            self.superseded = True
            self.progress.silence()
            self.progress.cancel()
        elif status == CANCELLING:
            self.progress.cancel()
        elif status == "stalled" and fields.get("attempt") == self.number:
            self.stalled = event.id


class RunningJobs:
    """Looks after all running jobs, in a thread of its own.

    Args:
        lease_seconds: without a sign of life for this long, a job is reported as stalled.
    """

    def __init__(
        self,
        publisher: SyncPublisher,
        *,
        lease_seconds: float,
        interval: float = LOOK_SECONDS,
    ) -> None:
        self._publisher: Final = publisher
        self._lease_seconds: Final = lease_seconds
        self._renew_seconds: Final = min(_RENEW_SECONDS, lease_seconds / _RENEWALS)
        self._renewed = -math.inf
        self._interval: Final = min(interval, self._renew_seconds)
        self.begin()
        _all.add(self)

    def begin(self) -> None:
        """Look after nothing; so does a forked child, whose jobs are its parent's."""
        self._lock = threading.Lock()
        self._jobs: set[RunningJob] = set()
        self._worker = uuid.uuid4().hex
        self._queues: Callable[[], Collection[str]] | None = None
        self._announced = -math.inf
        self._interrupted = False
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, job: RunningJob) -> None:
        """Take the lease of a job that is about to start."""
        if not self._publisher.away:  # a job does not wait for what is not there
            self._renew([job])

    def release(self, job: RunningJob) -> None:
        """Release the lease of a job that is over here, once its end was reported."""
        if not self._publisher.away:  # else it lapses, which after the end is not reported
            with contextlib.suppress(LogUnavailable):
                self._publisher.ask(lambda log: log.leases.release(job.lease))

    def add(self, job: RunningJob) -> None:
        """Look after `job` until it is removed."""
        with self._lock:
            self._jobs.add(job)
            if self._interrupted:
                job.progress.interrupt()
            self._start()

    def announce(self, queues: Callable[[], Collection[str]]) -> None:
        """Announce, again and again, that a worker takes jobs from these queues, until `stop`."""
        with self._lock:
            self._queues = queues
            self._announced = -math.inf
            self._start()

    def _start(self) -> None:
        # Late: a worker forks after its broker was made.
        if self._thread is None or not self._thread.is_alive():
            self._stopped = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stopped,), name="streamer-jobs", daemon=True
            )
            self._thread.start()

    def remove(self, job: RunningJob) -> None:
        """Look after `job` no longer."""
        with self._lock:
            self._jobs.discard(job)

    def interrupt(self) -> None:
        """Have every job, also a later one, stop where it asks whether to, to be tried again."""
        with self._lock:
            self._interrupted = True
            for job in self._jobs:
                job.progress.interrupt()

    def stop(self) -> None:
        """End the thread; another may be started by the next worker of this process."""
        self._stopped.set()
        self._interrupted = False
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)  # or it might announce itself once more
        if self._queues is not None and not self._publisher.away:
            self._queues = None
            with contextlib.suppress(LogUnavailable):
                self._publisher.ask(lambda log: log.workers.withdraw(self._worker))

    def look(self) -> None:
        """Renew leases; send held updates; ask which jobs are cancelled or superseded."""
        with self._lock:
            jobs = list(self._jobs)
            queues = self._queues
        if jobs and time.monotonic() >= self._renewed + self._renew_seconds - self._interval / 2:
            self._renewed = time.monotonic()
            self._renew(jobs)
        for job in jobs:
            job.progress.send_held()
        if queues is not None and time.monotonic() >= self._announced + ANNOUNCE_SECONDS:
            self._announced = time.monotonic()
            with contextlib.suppress(LogUnavailable):
                self._publisher.ask(lambda log: log.workers.announce(self._worker, queues()))
        for job in jobs:
            # Not the snapshot: an attempt that was superseded may write over it.
            after = job.seen
            page = self._publisher.ask(lambda log: log.read([job.topic], after, _PAGE))  # noqa: B023
            for event in page.events:
                job.look_at(event)
            job.seen = page.cursor
            if job.stalled is not None and not job.superseded:
                self._report_running(job)
            # Now that it is known whether a later attempt has begun.
            job.keep_checkpoint(self._publisher)

    def _renew(self, jobs: list[RunningJob]) -> None:
        leases = [job.lease for job in jobs if not job.superseded]
        with contextlib.suppress(LogUnavailable):
            self._publisher.ask(lambda log: log.leases.renew(leases, self._lease_seconds))

    def _report_running(self, job: RunningJob) -> None:
        """Report that the worker, which was thought dead, is back at the job."""
        lifecycle.running(job.attempt, str(job.stalled)).publish_with(self._publisher)
        job.stalled = None

    def _run(self, stopped: threading.Event) -> None:
        what = "looking after the running jobs"
        every_until(stopped, self._interval, self.look, what, logger=_logger)


def cancel_asked(snapshot: Snapshot, run: str) -> bool:
    """Whether somebody asked for that run of the job of this snapshot to be cancelled."""
    body = snapshot.tasks.get(CANCEL_TASK)
    if body is None:
        return False
    event: dict[str, Any] = msgspec.json.decode(body)
    asked = event.get("type") == "status" and event.get("status") == CANCELLING
    return asked and event.get("run", FIRST) == run


def run_in(snapshot: Snapshot) -> str | None:
    """The run that a job's snapshot is of; None if there is no event of the job."""
    for body in reversed(snapshot.tasks.values()):
        run = msgspec.json.decode(body).get("run")
        if isinstance(run, str):
            return run
    return None if snapshot.status is None and not snapshot.tasks else FIRST


_all: Final[weakref.WeakSet[RunningJobs]] = weakref.WeakSet()


def _begin_anew_after_fork() -> None:
    for each in list(_all):
        each.begin()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
