"""A cluster whose slots move and whose nodes die: the log is followed, or said to be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.new_event import new_event
from support.failing_over import TOPIC, Traffic, judge, quick_log
from support.replicated import Cluster, Node
from support.waiting import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture
async def log(cluster: Cluster, prefix: str) -> AsyncIterator[RedisEventLog]:
    log = quick_log(cluster.url, prefix)
    yield log
    await log.close()


def places(cluster: Cluster, prefix: str) -> tuple[Node, Node]:
    """Who has the log of `prefix`, and who might."""
    owner = cluster.owner(f"{{{prefix}}}")
    return owner, next(node for node in cluster.nodes if node is not owner)


def listens_to(log: RedisEventLog) -> int | None:
    """The port of the node that its notifications come from."""
    connection = log._notifiers[0]._connection
    return connection.address.port if connection is not None and connection.address else None


async def test_a_slot_that_moves_takes_the_log_with_it(
    cluster: Cluster, log: RedisEventLog, prefix: str
) -> None:
    """Nothing is lost or refused: whoever comes in the middle of it waits."""
    key = f"{{{prefix}}}"
    source, target = places(cluster, prefix)

    def move() -> None:
        cluster.begin_migration(key, source, target)
        while cluster.migrate(key, source, target, 10):
            pass
        cluster.end_migration(key, source, target)

    async with Traffic(log) as traffic:
        await asyncio.to_thread(move)
        await traffic.wait_for_more(50)
        await wait_until(
            lambda: listens_to(log) == target.port,
            "the subscription stayed with a node that the log has left",
        )
        await traffic.wait_for_more(50)
        lost = judge(traffic, await traffic.stop())
    assert cluster.owner(key) is target
    assert lost == set()
    assert traffic.refusals == []


async def test_a_slot_that_is_stuck_between_two_nodes_says_so(
    cluster: Cluster, log: RedisEventLog, prefix: str
) -> None:
    """Half of its keys have gone: nothing is stored, nothing is acknowledged, until it is whole."""
    key = f"{{{prefix}}}"
    source, target = places(cluster, prefix)
    await log.append(new_event(TOPIC, "tick"))
    cluster.begin_migration(key, source, target)
    cluster.migrate(key, source, target, 1)
    with pytest.raises(LogUnavailable, match="moving the log to another node"):
        await log.append(new_event(TOPIC, "tick"))
    waiting = asyncio.create_task(log.append(new_event(TOPIC, "tick")))
    while cluster.migrate(key, source, target, 10):
        pass
    cluster.end_migration(key, source, target)
    assert await waiting is not None


async def test_a_node_that_dies_and_comes_back_has_the_log_still(
    hasty_cluster: Cluster, log: RedisEventLog, prefix: str
) -> None:
    """Meanwhile publishers are told; the readers stay, and get what comes then."""
    owner, _ = places(hasty_cluster, prefix)
    async with Traffic(log) as traffic:
        owner.kill()
        await wait_until(lambda: traffic.refusals, "nobody was refused")
        await wait_until(lambda: not traffic.hub.healthy, "the hub did not notice")
        # Longer than it takes the others to give it up.
        await wait_until(
            lambda: any("cluster_state" in text for text in traffic.refusals),
            "the cluster did not count as down",
        )
        owner.start()
        await asyncio.to_thread(hasty_cluster.wait_until_ok)
        await traffic.wait_for_more(50)
        await wait_until(lambda: traffic.hub.healthy, "the hub did not recover")
        judge(traffic, await traffic.stop())


async def test_one_living_node_is_enough_to_find_the_log(cluster: Cluster, prefix: str) -> None:
    """The others that the URL names may be gone for good."""
    url = f"redis+cluster://127.0.0.1:1,{cluster.nodes[2].address}"
    log = quick_log(url, prefix)
    assert await log.append(new_event(TOPIC, "tick")) is not None
    await log.close()


async def test_a_server_that_is_no_cluster_says_so(cluster: Cluster, prefix: str) -> None:
    """And a node of a cluster that is given as one server says what it should be given as."""
    owner, other = places(cluster, prefix)
    log = RedisEventLog(f"redis://{other.address}", prefix=prefix)
    assert owner is not other
    with pytest.raises(LogUnavailable, match=r"redis\+cluster://"):
        await log.append(new_event(TOPIC, "tick"))
    await log.close()
