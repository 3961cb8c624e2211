"""A Redis that cannot save to disk: publishers are refused, and readers notice nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from support.listening import RecordingListener
from support.quota_redis import QuotaRedis
from support.reading import gaps_of, ids_of, read_all
from support.servers import Server
from support.waiting import wait_until
from support.writers import FakeWriter

pytestmark = pytest.mark.faults

TOPIC = "chats/1"


def tick() -> NewEvent:
    return new_event(TOPIC, "tick", {"padding": "x" * 1000})


async def open_log(server: Server, attempts: list[int]) -> RedisEventLog:
    def backoff(attempt: int) -> float:
        attempts.append(attempt)
        return 0.01

    return RedisEventLog(server.url, probe_interval=0.05, backoff=backoff)


@pytest.fixture
def quota_redis(short_dir: Path) -> Iterator[QuotaRedis]:
    server = QuotaRedis(short_dir)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def attempts() -> list[int]:
    """Every wait before a new connection for notifications: its number."""
    return []


@pytest.fixture
async def log(quota_redis: QuotaRedis, attempts: list[int]) -> AsyncIterator[RedisEventLog]:
    log = await open_log(quota_redis, attempts)
    yield log
    await log.close()


async def take(log: RedisEventLog) -> Cursor | str:
    """Publish once: the id, or why it was refused."""
    try:
        id_ = await log.append(tick())
    except LogUnavailable as error:
        return error.detail
    assert id_ is not None
    return id_


async def fill(log: RedisEventLog, server: QuotaRedis) -> list[Cursor]:
    """Let the disk be full, and publish until that is noticed; what was acknowledged."""
    ids: list[Cursor] = []
    server.fill()
    while isinstance(answer := await take(log), Cursor):
        ids.append(answer)
        assert len(ids) < 1000, "nobody was refused"
    assert "MISCONF, it cannot save to disk" in answer
    return ids


async def taken(log: RedisEventLog) -> Cursor:
    """Publish until it is taken again; its id."""

    async def is_taken() -> Cursor | None:
        answer = await take(log)
        return answer if isinstance(answer, Cursor) else None

    found = await wait_until(is_taken, "publishing did not go on")
    assert found is not None
    return found


def is_caught_up(writer: FakeWriter) -> bool:
    writer.take()
    return "caught_up" in writer.types()


async def test_a_refused_write_is_no_dead_connection(
    log: RedisEventLog, quota_redis: QuotaRedis, attempts: list[int]
) -> None:
    """However often it is probed; live streams, replays and new readers go on."""
    first = await taken(log)
    hub = Hub(log)
    hub.start()
    live = FakeWriter()
    await hub.attach(Attach(topics=(TOPIC,)), live)
    await fill(log, quota_redis)
    with quota_redis.client() as client:

        def probes() -> int:
            return int(client.info("commandstats")["cmdstat_publish"]["calls"])

        before = probes()
        await wait_until(lambda: probes() > before + 5, "it is not probed")
    assert attempts == []
    assert hub.healthy
    for topics in ((TOPIC,), ("chats/2",)):
        writer = FakeWriter()
        await hub.attach(Attach(topics=topics, resume=first), writer)
        await wait_until(partial(is_caught_up, writer), f"no replay of {topics}")
    assert (await log.read([TOPIC], first, 10)).gaps == ()
    quota_redis.empty()

    await taken(log)
    await hub.close()


async def test_what_a_full_disk_did_not_take_is_named_if_redis_is_killed(
    log: RedisEventLog, quota_redis: QuotaRedis
) -> None:
    """It was acknowledged, and in the memory of Redis alone."""
    first = await taken(log)
    ids = await fill(log, quota_redis)
    quota_redis.kill()
    quota_redis.start()
    new = await taken(log)
    assert new > max([first, *ids])
    items = await read_all(log, [TOPIC], first)
    for id_ in ids:
        assert id_ in ids_of(items) or any(gap.after < id_ <= gap.until for gap in gaps_of(items))
    assert ids_of(items)[-1] == new


async def test_a_connection_that_does_not_last_is_made_again_more_and_more_slowly(
    own_server: Server,
) -> None:
    """Though each was sound for a moment: every feed is read anew after each."""
    attempts: list[int] = []
    log = await open_log(own_server, attempts)
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe([TOPIC])
    with own_server.client() as client:
        for number in range(1, 5):
            client.client_kill_filter(_type="pubsub")
            await listener.told(*["interrupted", "resumed"] * number)
    assert attempts == [0, 1, 2, 3]
    await log.close()


async def test_a_user_that_may_not_subscribe_is_told_so(own_server: Server) -> None:
    """By the right that is missing, and not as if Redis was away."""
    attempts: list[int] = []
    with own_server.client() as client:
        client.acl_setuser("default", enabled=True, commands=["-subscribe"])
    log = await open_log(own_server, attempts)
    notifications = log.listen(RecordingListener())
    for _ in range(2):
        with pytest.raises(LogUnavailable, match=r"NOPERM.*subscribe"):
            await notifications.subscribe([TOPIC])
    await log.close()
