"""The jobs that this process is running, and what the log says of them meanwhile."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

import msgspec

from ..errors import LogUnavailable
from ..snapshot import Snapshot
from ..sync_publisher import SyncPublisher
from .progress import Progress

#: Seconds between two looks at the log: how soon a job hears that it is cancelled.
LOOK_SECONDS: Final = 0.5
#: The task name under which a snapshot keeps that a cancel was asked for.
CANCEL_TASK: Final = "cancel"
#: Not one of the snapshot's words: asking does not change what the job is doing.
CANCELLING: Final = "cancelling"

_logger: Final = logging.getLogger(__name__)


class RunningJob:
    """One attempt of one job.

    Attributes:
        superseded: the log says that the job is over, or in a later attempt: this
            one (a worker that was thought dead) must not tell anything any more.
        retried: the message was enqueued again.
    """

    def __init__(
        self, job_id: str, topics: tuple[str, ...], task_name: str, attempt: int, progress: Progress
    ) -> None:
        self.job_id: Final = job_id
        self.topics: Final = topics
        self.task_name: Final = task_name
        self.attempt: Final = attempt
        self.progress: Final = progress
        self.superseded = False
        self.retried = False

    @property
    def topic(self) -> str:
        """The job's own topic."""
        return self.topics[-1]

    def look_at(self, snapshot: Snapshot) -> None:
        """Learn from the job's snapshot that it is to stop."""
        if snapshot.terminal is not None or (snapshot.attempt or 0) > self.attempt:
            self.superseded = True
            self.progress.silence()
            self.progress.cancel()
        elif cancel_asked(snapshot):
            self.progress.cancel()


class RunningJobs:
    """Looks at the log for all running jobs together, in a thread of its own."""

    def __init__(self, publisher: SyncPublisher, *, interval: float = LOOK_SECONDS) -> None:
        self._publisher: Final = publisher
        self._interval: Final = interval
        self._lock: Final = threading.Lock()
        self._jobs: set[RunningJob] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, job: RunningJob) -> None:
        """Look after `job` until it is removed."""
        with self._lock:
            self._jobs.add(job)
            # Started late: a worker forks after its broker was made.
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

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def look(self) -> None:
        """Send held updates; ask the log which jobs are cancelled or superseded."""
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.progress.send_held()
        if not jobs:
            return
        topics = [job.topic for job in jobs]
        snapshots = self._publisher.ask(lambda log: log.snapshots(topics))
        for job in jobs:
            job.look_at(snapshots[job.topic])

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._interval):
            try:
                self.look()
            except LogUnavailable:
                continue  # the publisher tells that the log is away
            except Exception:
                _logger.exception("looking after the running jobs failed")


def cancel_asked(snapshot: Snapshot) -> bool:
    """Whether somebody asked for the job of this snapshot to be cancelled."""
    body = snapshot.tasks.get(CANCEL_TASK)
    if body is None:
        return False
    event: dict[str, Any] = msgspec.json.decode(body)
    return event.get("type") == "status" and event.get("status") == CANCELLING
