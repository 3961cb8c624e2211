"""A Sentinel trio fails over under load: readers and publishers go on with the new master."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import NewEvent, new_event
from support.failing_over import TOPIC, Traffic, judge, quick_log
from support.reading import ids_of, read_all
from support.replicated import Node, SentinelTrio
from support.waiting import wait_until

pytestmark = pytest.mark.faults


OpenLog = Callable[..., RedisEventLog]


@pytest.fixture
async def open_log(sentinel_trio: SentinelTrio, prefix: str) -> AsyncIterator[OpenLog]:
    """Opens a log at the trio's master; the fixture closes it."""
    opened: list[RedisEventLog] = []

    def open_with(wait_replicas: int = 0) -> RedisEventLog:
        opened.append(quick_log(sentinel_trio.url, prefix, wait_replicas=wait_replicas))
        return opened[-1]

    yield open_with
    for log in opened:
        await log.close()


async def failed_over(trio: SentinelTrio, old: Node) -> Node:
    """Who has taken over from `old`; the event loop goes on meanwhile."""
    return await asyncio.to_thread(trio.wait_for_failover, old)


def tick(key: str | None = None) -> NewEvent:
    return new_event(TOPIC, "tick", {"n": 1}, idempotency_key=key)


async def test_readers_outlive_a_killed_master(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """They get everything that the new master has, in order, and what comes next."""
    log = open_log()
    async with Traffic(log) as traffic:
        old = sentinel_trio.master
        old.kill()
        new = await failed_over(sentinel_trio, old)
        await traffic.wait_for_more(50)
        assert new is not old
        await wait_until(lambda: traffic.hub.healthy, "the hub did not recover")
        judge(traffic, await traffic.stop())
    assert all("cannot be reached" in text or "no Sentinel" in text for text in traffic.refusals)


async def test_a_master_that_froze_and_thaws_is_not_believed(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """It thinks it is the master still; nothing of ours is told to it or heard from it."""
    log = open_log()
    async with Traffic(log) as traffic:
        old = sentinel_trio.master
        old.freeze()
        await failed_over(sentinel_trio, old)
        await traffic.wait_for_more(50)
        old.thaw()
        assert old.role() == "master", "it was demoted too soon for this test"
        await traffic.wait_for_more(200)
        lost = judge(traffic, await traffic.stop())
    # What the frozen one had acknowledged and not yet handed on; none after it thawed.
    assert lost <= set(traffic.acknowledged[:-250])
    assert traffic.refusals
    # If a probe that was sent before it has timed out first, a publish is repeated at once.
    assert all("in time" in text or "no Sentinel" in text for text in traffic.refusals)


async def test_a_failover_loses_nothing_that_a_replica_was_waited_for(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """An acknowledged event is on the replica that takes over."""
    log = open_log(wait_replicas=1)
    async with Traffic(log) as traffic:
        old = sentinel_trio.master
        old.kill()
        new = await failed_over(sentinel_trio, old)
        # Nobody is acknowledged anything before there is a replica again.
        before = len(traffic.acknowledged)
        await wait_until(
            lambda: any("stored, but on 0 replicas" in text for text in traffic.refusals),
            "nobody was told that no replica has it",
        )
        assert len(traffic.acknowledged) == before
        old.start("--replicaof", "127.0.0.1", str(new.port))
        await traffic.wait_for_more(20)
        lost = judge(traffic, await traffic.stop())
    assert lost == set()


async def test_an_event_on_too_few_replicas_is_not_acknowledged(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """A retry with the same key returns the same id, once a replica has it."""
    log = open_log(wait_replicas=1)
    first = await log.append(tick())
    replica = sentinel_trio.replica
    replica.freeze()
    for _ in range(2):
        with pytest.raises(
            LogUnavailable, match=r"stored, but on 0 replicas.*same idempotency key"
        ):
            await log.append(tick("k"))
    replica.thaw()
    id_ = await log.append(tick("k"))
    assert ids_of(await read_all(log, [TOPIC], ORIGIN)) == [first, id_]


async def test_a_planned_failover_is_followed(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """The old master lives on as a replica; nobody stays with it.

    Until it is told, it acknowledges what the new one will never have: readers
    who were given that are told that the log was reset.
    """
    async with Traffic(open_log()) as traffic:
        await asyncio.to_thread(sentinel_trio.fail_over)
        await traffic.wait_for_more(200)
        if judge(traffic, await traffic.stop()):
            assert [traffic.resets(writer) for writer in traffic.writers] == [["reset"]] * 4


async def test_a_planned_failover_loses_nothing_that_a_replica_was_waited_for(
    sentinel_trio: SentinelTrio, open_log: OpenLog
) -> None:
    """The old master has no replica while it does not know that it is none itself."""
    async with Traffic(open_log(wait_replicas=1)) as traffic:
        await asyncio.to_thread(sentinel_trio.fail_over)
        await asyncio.to_thread(sentinel_trio.heal)
        await traffic.wait_for_more(50)
        assert judge(traffic, await traffic.stop()) == set()


async def test_no_healthy_master_says_so(sentinel_trio: SentinelTrio, prefix: str) -> None:
    """A service that the Sentinels do not watch, as after a typing error."""
    log = RedisEventLog(sentinel_trio.url + "x", prefix=prefix, timeout=1.0)
    with pytest.raises(LogUnavailable, match="no Sentinel knows a healthy master 'eventsx'"):
        await log.append(tick())
    await log.close()
