"""What is said of the jobs, the queues and the workers of a log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dramatiq import Message

from streamer.config.settings import Settings
from streamer.eventlog.base import EventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.new_event import new_event
from streamer.jobs.broker import create_broker
from streamer.jobs.submit import Jobs
from streamer.prometheus.of_log import OfLog
from streamer.publishing.publisher import Publisher
from support.servers import Server


@pytest.fixture
async def of_log(redis_server: Server, prefix: str, tmp_path: Path) -> AsyncIterator[OfLog]:
    settings = Settings(redis_url=redis_server.url, prefix=prefix, data_dir=tmp_path)
    log = RedisEventLog(redis_server.url, prefix=prefix)
    jobs = Jobs(settings, log, Publisher(log))
    yield OfLog(log, lambda: jobs)
    jobs.close()
    await log.close()


async def report(log: EventLog, job: str, task: str, status: str) -> None:
    fields = {"task_name": task, "status": status, "message": "", "metadata": {}}
    await log.append(new_event([f"jobs/{job}"], "status", fields))


async def test_jobs_are_counted_by_kind_and_state(of_log: OfLog) -> None:
    log = of_log._log
    await report(log, "a", "transcode", "queued")
    await report(log, "b", "transcode", "running")
    await report(log, "c", "transcode", "running")
    for number in range(40):
        await report(log, f"own-{number}", f"own-{number}", "stalled")
    numbers = await of_log.numbers()
    assert numbers["streamer_jobs", "", ("transcode", "queued")] == 1
    assert numbers["streamer_jobs", "", ("transcode", "running")] == 2
    assert numbers["streamer_jobs", "", ("transcode", "failed")] == 0
    assert numbers["streamer_jobs", "", ("trim", "running")] == 0
    assert numbers["streamer_jobs", "", ("other", "stalled")] == 40


async def test_a_queue_is_as_old_as_the_first_in_its_line(of_log: OfLog) -> None:
    log, jobs = of_log._log, of_log._of_jobs()
    await log.workers.announce("w1", ["streamer", "fast"])
    await log.workers.announce("w2", ["fast"])
    broker = create_broker(jobs._settings)
    first: Message[None] = Message(
        queue_name="streamer",
        actor_name="transcode",
        args=(),
        kwargs={},
        options={},
        message_timestamp=1_000_000,
    )
    broker.declare_queue("streamer")
    for message in (first, first.copy(message_timestamp=9_000_000)):
        broker.client.rpush(f"{broker.namespace}:streamer", message.message_id)
        broker.client.hsetnx(
            f"{broker.namespace}:streamer.msgs", message.message_id, message.encode()
        )
    found = (await jobs.waiting(["streamer", "fast"]))["streamer"]
    assert found.jobs == 2
    assert found.age > 1_000_000
    numbers = await of_log.numbers()
    assert numbers["streamer_workers", "", ()] == 2
    assert numbers["streamer_queue_jobs", "", ("streamer",)] == 2
    assert numbers["streamer_queue_age_seconds", "", ("streamer",)] == pytest.approx(
        found.age, abs=60
    )
    assert numbers["streamer_queue_workers", "", ("fast",)] == 2
    assert numbers["streamer_queue_jobs", "", ("fast",)] == 0
    assert numbers["streamer_queue_age_seconds", "", ("fast",)] == 0.0
    broker.client.close()


async def test_a_log_that_is_away_says_nothing_and_the_page_is_there(tmp_path: Path) -> None:
    url = "redis://127.0.0.1:1"
    log = RedisEventLog(url)
    jobs = Jobs(Settings(redis_url=url, data_dir=tmp_path), log, Publisher(log))
    assert await OfLog(log, lambda: jobs).numbers() == {}
    await log.close()
