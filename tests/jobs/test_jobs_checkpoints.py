"""A checkpoint that is on its way when the job tells the next one, or completes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.jobs.lifecycle import Run
from streamer.jobs.progress import Progress
from streamer.jobs.reports import Reports
from streamer.jobs.running import RunningJob, RunningJobs
from streamer.publishing.sync_publisher import SyncPublisher
from support.jobs import UnreliableLog
from support.waiting import wait_until, wait_until_blocking


class SlowLog(MemoryEventLog):
    """A log that is at the first checkpoint that it is given until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []
        self.is_at_it = threading.Event()
        self.may_go_on = threading.Event()
        self._keep = self.checkpoints.keep
        self.checkpoints.keep = self._slowly  # type: ignore[method-assign]

    async def _slowly(
        self, job_id: str, run: str, attempt: int, value: bytes, *, unless: tuple[str, str]
    ) -> None:
        if not self.is_at_it.is_set():
            self.is_at_it.set()
            await wait_until(self.may_go_on.is_set, "it may not go on")
        await self._keep(job_id, run, attempt, value, unless=unless)
        self.kept.append(value)


class Keeping:
    """A job whose first checkpoint is being kept by the thread that looks after it."""

    def __init__(self, publisher: SyncPublisher, log: SlowLog) -> None:
        self.publisher, self.log = publisher, log
        self.job = RunningJob(Run(("jobs/j",), "work"), 1, Progress(lambda *_: None))
        self.reports = Reports(publisher)
        self.job.progress.checkpoint(1)
        running = RunningJobs(publisher, lease_seconds=10.0)
        running.add(self.job)
        assert log.is_at_it.wait(10.0)
        running.remove(self.job)

    def found(self) -> bytes | None:
        return self.publisher.ask(lambda log: log.checkpoints.find("j"))


class NoticedLock:
    """Somebody has it already, and it says when somebody else waits for it."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self.is_waited_for = threading.Event()

    def __enter__(self) -> None:
        assert self._lock.locked()
        self.is_waited_for.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.fixture
def keeping() -> Iterator[Keeping]:
    log = SlowLog()
    with SyncPublisher(lambda: log) as publisher:
        yield Keeping(publisher, log)


def test_a_job_that_completes_leaves_none_of_which_is_on_its_way(keeping: Keeping) -> None:
    """Another run of it would begin at the end."""
    keeping.reports.completed(keeping.job, None)
    keeping.log.may_go_on.set()
    wait_until_blocking(lambda: keeping.log.kept, "the first was not kept")
    assert keeping.found() is None


def test_a_job_that_completes_while_the_log_is_away_leaves_none_once_it_is_back() -> None:
    log = UnreliableLog()
    with SyncPublisher(lambda: log) as publisher:
        job = RunningJob(Run(("jobs/j",), "work"), 1, Progress(lambda *_: None))
        job.progress.checkpoint(1)
        job.keep_checkpoint(publisher)
        assert publisher.ask(lambda log: log.checkpoints.find("j")) == b"1"
        log.go_away()
        Reports(publisher).completed(job, None)
        log.come_back()
        assert publisher.flush(10.0)
        assert publisher.ask(lambda log: log.checkpoints.find("j")) is None


def test_the_last_of_an_attempt_is_kept_after_the_one_that_is_on_its_way(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not before it, which would be kept instead."""
    noticed = NoticedLock(keeping.job._keeping)
    monkeypatch.setattr(keeping.job, "_keeping", noticed)
    keeping.job.progress.checkpoint(2)
    failing = threading.Thread(target=keeping.reports.retrying, args=(keeping.job, 0, None))
    failing.start()
    assert noticed.is_waited_for.wait(10.0)
    keeping.log.may_go_on.set()
    failing.join()
    assert keeping.log.kept == [b"1", b"2"]
    assert keeping.found() == b"2"
