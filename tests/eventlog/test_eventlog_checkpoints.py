"""Where jobs can go on from; over every log."""

from __future__ import annotations

import pytest

from streamer.eventlog.base import EventLog
from streamer.eventlog.lifetimes import SILENT_TTL
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.new_event import NewEvent, new_event
from streamer.events.topic import job_topic
from support.servers import FakeClock, Server


async def keep(log: EventLog, value: bytes, *, run: str = "", attempt: int = 1) -> None:
    """Keep a checkpoint of the job "a", of a project, as a worker does."""
    await log.checkpoints.keep("a", run, attempt, value, unless=("projects/p", f"a{run}:end"))


def ended(
    event_type: str = "completed", *, run: str = "", unless: tuple[str, ...] = ()
) -> NewEvent:
    """That it is over, as a worker says."""
    fields = {"error": "no disk"} if event_type == "error" else {}
    topics, key = ("projects/p", "jobs/a"), f"a{run}:end"
    return new_event(topics, event_type, fields, idempotency_key=key, unless=unless)


async def test_the_last_checkpoint_of_a_job_is_kept(log: EventLog) -> None:
    assert await log.checkpoints.find("a") is None
    await keep(log, b'{"frame": 7}')
    await log.checkpoints.keep("b", "", 1, b'"\xc3\xa4 \\n"', unless=("jobs/b", "b:end"))
    await keep(log, b'{"frame": 8}')
    assert await log.checkpoints.find("a") == b'{"frame": 8}'
    assert await log.checkpoints.find("b") == b'"\xc3\xa4 \\n"'


async def test_it_goes_with_the_event_that_says_that_the_job_has_completed(log: EventLog) -> None:
    """Another run of it would begin at the end."""
    await log.append(ended())  # of a job that keeps none
    await keep(log, b"1", run="r2")
    note = new_event("projects/p", "note")
    await log.append_all((note, ended(run="r2"), note))
    assert await log.checkpoints.find("a") is None
    await keep(log, b"2", run="r3")
    await log.append(ended(run="r2"))  # which is known
    assert await log.checkpoints.find("a") == b"2"


@pytest.mark.parametrize("event_type", ["error", "completed"])
async def test_who_is_late_keeps_none_of_a_run_that_is_over(log: EventLog, event_type: str) -> None:
    await keep(log, b"1", attempt=2)
    await log.append(ended(event_type))
    before = None if event_type == "completed" else b"1"
    for attempt in (1, 2, 3):
        await keep(log, b"2", attempt=attempt)
        assert await log.checkpoints.find("a") == before
    await keep(log, b"3", run="r2")
    assert await log.checkpoints.find("a") == b"3"


async def test_what_is_not_the_end_of_the_job_takes_none_with_it(log: EventLog) -> None:
    """It failed, or goes on in another attempt; or somebody else says so of a job of theirs."""
    await log.append(new_event("projects/p", "note", idempotency_key="a:start:2"))
    await keep(log, b"1")
    elsewhere = new_event("projects/other", "completed", {"job_id": "a"})
    for event in (ended("error"), ended(run="r2", unless=("a:start:2",)), elsewhere):
        await log.append(event)
        assert await log.checkpoints.find("a") == b"1"


async def test_an_attempt_that_was_thought_dead_does_not_replace_that_of_a_later_one(
    log: EventLog,
) -> None:
    for attempt, value, found in ((2, b"2", b"2"), (1, b"1", b"2"), (3, b"3", b"3")):
        await keep(log, value, attempt=attempt)
        assert await log.checkpoints.find("a") == found
    await keep(log, b"4", run="r2")  # another run counts from 1 again
    assert await log.checkpoints.find("a") == b"4"


async def test_a_checkpoint_goes_as_a_job_does_that_reports_nothing_more() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    age = int(log.rules.current.retention.of(job_topic("a")).max_age * 1000)
    await keep(log, b"1")
    clock.advance(age + SILENT_TTL - 1)
    assert await log.checkpoints.find("a") == b"1"
    clock.advance(1)
    assert await log.checkpoints.find("a") is None


async def test_what_redis_keeps_of_it_goes_by_itself(redis_server: Server, prefix: str) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    age = int(log.rules.current.retention.of(job_topic("a")).max_age * 1000)
    await keep(log, b"1")
    with redis_server.client() as client:
        name = Keys(prefix).checkpoint("a")
        assert age < client.pttl(name) <= age + SILENT_TTL
        await log.append(ended())
        assert not client.exists(name)
        # As an older Streamer has it of a run that has completed.
        client.set(name, f"{2**53 - 1}  null")
        assert await log.checkpoints.find("a") is None
    await log.close()
