"""Where jobs can go on from; over every log."""

from __future__ import annotations

from streamer.eventlog.base import EventLog
from streamer.eventlog.lifetimes import SILENT_TTL
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.topic import job_topic
from support.servers import FakeClock, Server


async def test_the_last_checkpoint_of_a_job_is_kept_until_it_is_forgotten(log: EventLog) -> None:
    kept = log.checkpoints
    assert await kept.find("a") is None
    await kept.keep("a", "", 1, b'{"frame": 7}')
    await kept.keep("b", "", 1, b'"\xc3\xa4 \\n"')
    await kept.keep("a", "", 1, b'{"frame": 8}')
    assert await kept.find("a") == b'{"frame": 8}'
    assert await kept.find("b") == b'"\xc3\xa4 \\n"'
    await kept.forget("a", "")
    await kept.forget("never-there", "")
    assert await kept.find("a") is None
    assert await kept.find("b") is not None


async def test_who_is_late_keeps_none_of_a_run_that_has_completed(log: EventLog) -> None:
    """It would have the job's next run begin at its end."""
    kept = log.checkpoints
    await kept.keep("a", "", 2, b"2")
    await kept.forget("a", "")
    for attempt in (1, 2, 3):
        await kept.keep("a", "", attempt, b"1")
        assert await kept.find("a") is None
    await kept.keep("a", "r2", 1, b"3")
    assert await kept.find("a") == b"3"
    await kept.forget("a", "r2")
    await kept.keep("a", "r2", 1, b"4")
    assert await kept.find("a") is None


async def test_an_attempt_that_was_thought_dead_does_not_replace_that_of_a_later_one(
    log: EventLog,
) -> None:
    kept = log.checkpoints
    await kept.keep("a", "", 2, b"2")
    await kept.keep("a", "", 1, b"1")
    assert await kept.find("a") == b"2"
    await kept.keep("a", "", 3, b"3")
    assert await kept.find("a") == b"3"
    await kept.keep("a", "r2", 1, b"4")  # another run counts from 1 again
    assert await kept.find("a") == b"4"


async def test_a_checkpoint_goes_as_a_job_does_that_reports_nothing_more() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    age = int(log.rules.current.retention.of(job_topic("a")).max_age * 1000)
    await log.checkpoints.keep("a", "", 1, b"1")
    clock.advance(age + SILENT_TTL - 1)
    assert await log.checkpoints.find("a") == b"1"
    clock.advance(1)
    assert await log.checkpoints.find("a") is None


async def test_what_redis_keeps_of_it_goes_by_itself(redis_server: Server, prefix: str) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    age = int(log.rules.current.retention.of(job_topic("a")).max_age * 1000)
    await log.checkpoints.keep("a", "", 1, b"1")
    with redis_server.client() as client:
        name = f"{{{prefix}}}:cp:a"
        assert age < client.pttl(name) <= age + SILENT_TTL
        await log.checkpoints.forget("a", "")
        assert await log.checkpoints.find("a") is None
        assert age < client.pttl(name) <= age + SILENT_TTL
    await log.close()
