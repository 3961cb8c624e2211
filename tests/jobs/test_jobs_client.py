"""The Redis that jobs wait in: one server, or a Sentinel's master; never a cluster."""

from __future__ import annotations

import asyncio

import pytest
import redis

from streamer.config.settings import Settings
from streamer.errors import JobsUnavailable
from streamer.jobs.broker import create_broker
from streamer.jobs.client import open_client
from support.replicated import SentinelTrio
from support.servers import Server
from support.waiting import wait_until


def test_without_a_broker_url_jobs_wait_beside_the_events(redis_server: Server) -> None:
    with open_client(Settings(redis_url=redis_server.url)) as client:
        assert client.ping()


def test_a_broker_url_wins(redis_server: Server) -> None:
    """The event log may be in a cluster then."""
    settings = Settings(redis_url="redis+cluster://h:1", broker_url=redis_server.url)
    with open_client(settings) as client:
        assert client.ping()


@pytest.mark.parametrize(
    "settings",
    [
        Settings(redis_url="redis+cluster://h:1"),
        Settings(redis_url="redis://h", broker_url="redis+cluster://h:1"),
    ],
)
def test_a_cluster_is_refused_with_what_to_set(settings: Settings) -> None:
    with pytest.raises(JobsUnavailable, match="STREAMER_BROKER_URL"):
        create_broker(settings)


@pytest.mark.faults
async def test_the_queues_follow_the_master(sentinel_trio: SentinelTrio, prefix: str) -> None:
    """A message that was queued before a failover is there after it."""
    broker = create_broker(Settings(redis_url=sentinel_trio.url, prefix=prefix))

    def push() -> int:
        try:
            return int(broker.client.rpush(f"{{{prefix}}}:list", "job"))
        except redis.RedisError:
            return 0

    assert await asyncio.to_thread(push) == 1
    await asyncio.to_thread(sentinel_trio.fail_over)
    assert await wait_until(
        lambda: asyncio.to_thread(push), "nothing could be queued after the failover"
    ) in {2, 3}
    broker.client.close()
