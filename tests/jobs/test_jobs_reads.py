"""Looking at many jobs reads little at a time: each snapshot may be megabytes in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.snapshot import Snapshot
from streamer.jobs.submit import Jobs
from streamer.jobs.waiting import WaitingWatch
from streamer.publishing.publisher import Publisher


class MeteredLog(MemoryEventLog):
    """Counts the snapshots that are being read."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = self.most = self.total = 0

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        self.reading += len(topics)
        self.total += len(topics)
        self.most = max(self.most, self.reading)
        try:
            return await super().snapshots(topics)
        finally:
            self.reading -= len(topics)


@pytest.fixture
async def log() -> MeteredLog:
    log = MeteredLog()
    for number in range(5):
        topics = ("projects/p", f"jobs/j{number}")
        metadata = {"queue": "default"}
        await Publisher(log).status(topics, "queued", task_name="t", metadata=metadata)
    return log


async def test_lists_that_are_asked_for_together_read_one_job_at_a_time(log: MeteredLog) -> None:
    """Publishes wait behind one snapshot at most, however many lists are asked for."""
    jobs = Jobs(Settings(), log, Publisher(log))
    lists = await asyncio.gather(*(jobs.recent(200) for _ in range(3)))
    assert (log.most, log.total) == (1, 15)
    assert {job["job_id"] for job in lists[2].jobs} == {f"j{number}" for number in range(5)}


async def test_a_look_at_jobs_that_wait_reads_one_at_a_time(log: MeteredLog) -> None:
    """A server without workers looks every two seconds; nobody waits for all of it."""
    await WaitingWatch(log, Publisher(log), clock=lambda: 0.0).look()
    assert (log.most, log.total) == (1, 5)
