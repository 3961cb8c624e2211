"""Which workers there are; over every log."""

from __future__ import annotations

from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.eventlog.workers import ANNOUNCE_SECONDS, WORKER_TTL
from support.servers import FakeClock, Server


async def test_a_worker_is_known_with_its_queues_until_it_withdraws(log: EventLog) -> None:
    assert await log.workers.queues() == []
    await log.workers.announce("a", ["default"])
    await log.workers.announce("b", ["default", "slow"])
    await log.workers.announce("a", {"fast", "default"})
    assert sorted(map(sorted, await log.workers.queues())) == [
        ["default", "fast"],
        ["default", "slow"],
    ]
    await log.workers.withdraw("b")
    await log.workers.withdraw("never there")
    assert await log.workers.queues() == [frozenset({"default", "fast"})]


async def test_a_worker_that_died_is_forgotten_soon() -> None:
    """It can miss one announcement, and be late with the next."""
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await log.workers.announce("a", ["default"])
    clock.advance(int(ANNOUNCE_SECONDS * 3000))
    assert len(await log.workers.queues()) == 1
    clock.advance(WORKER_TTL)
    assert await log.workers.queues() == []


async def test_what_redis_keeps_of_a_worker_goes_by_itself(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.workers.announce("a", ["default"])
    with redis_server.client() as client:
        name = f"{{{prefix}}}:w:a"
        assert 0 < client.pttl(name) <= WORKER_TTL
        client.delete(name)
        assert await log.workers.queues() == []
        assert client.scard(f"{{{prefix}}}:workers") == 0
    await log.close()


async def test_workers_and_processes_that_crash_again_and_again_do_not_add_up(
    redis_server: Server, prefix: str
) -> None:
    """Whoever is new looks who is gone, also where nobody ever asks who is there."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    keys = Keys(prefix)
    with redis_server.client() as client:
        for number in range(5):
            await log.workers.announce(f"w{number}", ["default"])
            await log.report_connections(f"p{number}", {})
            client.delete(keys.worker(f"w{number}"), keys.process(f"p{number}"))  # their time is up
        assert client.smembers(keys.workers) == {b"w4"}
        assert client.smembers(keys.processes) == {b"p4"}
    await log.close()
