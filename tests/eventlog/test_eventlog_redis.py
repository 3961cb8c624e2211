"""What only a log over a real server can show: crashes, cuts, silence and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import cast

import pytest
import redis

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogUnavailable
from streamer.eventlog.base import BatchKey, EventLog
from streamer.eventlog.lifetimes import SILENT_TTL, TOMBSTONE_TTL
from streamer.eventlog.redis.link.pubsub import PubSubConnection
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.events.page import Gap
from support.listening import RecordingListener
from support.reading import gaps_of, ids_of, read_all
from support.servers import Server


def tick(topics: str | tuple[str, ...] = "chats/1", n: int = 0) -> NewEvent:
    return new_event(topics, "tick", {"n": n})


async def append(log: EventLog, *events: NewEvent) -> list[Cursor]:
    return cast("list[Cursor]", await log.append_all(events or (tick(),)))


@pytest.fixture
async def log(own_server: Server) -> AsyncIterator[RedisEventLog]:
    """A log on a server of the test's own, quick to notice that it is gone."""
    log = RedisEventLog(
        own_server.url, timeout=1.0, probe_interval=0.05, backoff=lambda _attempt: 0.01
    )
    yield log
    await log.close()


@pytest.mark.faults
async def test_a_killed_server_interrupts_and_comes_back(
    log: RedisEventLog, own_server: Server
) -> None:
    """Every subscription is live again, and what was stored is still there."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["chats/1", "chats/2"])
    first = await append(log)
    await listener.heard(first[-1])
    own_server.kill()
    await listener.told("interrupted")
    assert not notifications.healthy
    with pytest.raises(LogUnavailable, match="cannot be reached"):
        await log.append(tick())
    with pytest.raises(LogUnavailable):
        await notifications.subscribe(["chats/3"])
    own_server.start()
    await listener.told("interrupted", "resumed")
    assert notifications.healthy
    ids = await append(log, tick("chats/1"), tick("chats/2"), tick("chats/3"))
    await listener.heard(ids[-1])
    assert listener.ids == [*first, *ids], "chats/3 was remembered while the log was away"
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [first[0], ids[0]]


@pytest.mark.faults
async def test_a_cut_connection_is_made_again(log: RedisEventLog, own_server: Server) -> None:
    """As when Redis cuts a subscriber whose buffer is over its limit."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    with own_server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await listener.told("interrupted", "resumed")
    (id_,) = await append(log)
    await listener.heard(id_)


@pytest.mark.faults
async def test_thousands_of_topics_are_heard_again_in_bounded_commands(
    log: RedisEventLog, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a cut; no command has more than a thousand of them."""
    listener = RecordingListener()
    topics = [f"chats/{n}" for n in range(4500)]
    await log.listen(listener).subscribe(topics)
    sizes: list[int] = []
    send = PubSubConnection.send

    def counting(connection: PubSubConnection, *command: str) -> None:
        sizes.append(len(command) - 1)
        send(connection, *command)

    monkeypatch.setattr(PubSubConnection, "send", counting)
    with own_server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await listener.told("interrupted", "resumed")
    assert sum(sizes) >= len(topics)
    assert max(sizes) <= 1000
    ids = await append(log, *(tick(topic) for topic in topics[::500]))
    await listener.heard(ids[-1])
    assert listener.ids == ids


@pytest.mark.faults
async def test_a_silent_server_is_noticed(log: RedisEventLog, own_server: Server) -> None:
    """Its sockets are open and it says nothing: only the probe can tell."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["chats/1"])
    own_server.freeze()
    await listener.told("interrupted")
    assert "no longer arrive" in listener.reasons[0]
    assert not notifications.healthy
    own_server.thaw()
    await listener.told("interrupted", "resumed")
    (id_,) = await append(log)
    await listener.heard(id_)


@pytest.mark.faults
async def test_a_deaf_subscription_is_noticed(log: RedisEventLog, own_server: Server) -> None:
    """As after a failover: commands are answered, and notifications go elsewhere."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["chats/1"])
    notifications._connection.unsubscribe([notifications._probe_name])  # type: ignore[union-attr]
    await listener.told("interrupted", "resumed")
    (id_,) = await append(log)
    await listener.heard(id_)


@pytest.mark.faults
async def test_a_frozen_server_does_not_hold_a_command_for_ever(
    log: RedisEventLog, own_server: Server
) -> None:
    """After the timeout it is unknown whether the event was stored, and said so."""
    await append(log)
    own_server.freeze()
    with pytest.raises(LogUnavailable, match="in time"):
        await log.append(tick())
    own_server.thaw()


@pytest.mark.faults
async def test_a_restarted_server_knows_no_scripts_and_is_taught(
    log: RedisEventLog, own_server: Server
) -> None:
    """Its script cache is empty; nobody notices."""
    ids = await append(log)
    with own_server.client() as client:
        client.script_flush()
    ids += await append(log)
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == ids


@pytest.mark.faults
async def test_a_batch_retried_after_a_crash_is_stored_once(
    log: RedisEventLog, own_server: Server
) -> None:
    """The memory of a batch is as durable as its events."""
    ids = await log.append_all([tick(n=1), tick(n=2)], BatchKey("worker", 1))
    own_server.kill()
    own_server.start()
    assert await log.append_all([tick(n=1), tick(n=2)], BatchKey("worker", 1)) == ids
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == ids


@pytest.mark.faults
async def test_a_flushed_server_is_a_reset(log: RedisEventLog, own_server: Server) -> None:
    """A reader of what was there before is told, and reads what is there now."""
    (before,) = await append(log)
    with own_server.client() as client:
        client.flushall()
        while cast("tuple[int, int]", client.time())[0] * 1000 <= before.ms:
            pass
    (after,) = await append(log)
    first, *rest = await read_all(log, ["chats/1"], before)
    assert isinstance(first, Gap)
    assert (first.topic, first.after, first.reason) == (None, before, "reset")
    assert before < first.until < after
    assert ids_of(rest) == [after]


async def test_ids_increase_though_the_hosts_clock_is_set_back(
    redis_server: Server, prefix: str
) -> None:
    """As if the last event had been appended an hour in the future."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    (before,) = await append(log)
    ahead = Cursor(before.ms + 3_600_000, 41)
    with redis_server.client() as client:
        client.set(f"{{{prefix}}}:clock", str(ahead))
    ids = await append(log, tick(n=1), tick(n=2))
    assert ids == [Cursor(ahead.ms, 42), Cursor(ahead.ms, 43)]
    assert gaps_of(await read_all(log, ["chats/1"], before)) == []
    await log.close()


REFUSALS: list[tuple[tuple[str, ...], str]] = [
    (("CONFIG", "SET", "maxmemory", "1"), "refuses writes: OOM"),
    (("REPLICAOF", "127.0.0.1", "1"), "refuses writes: READONLY"),
    (("CONFIG", "SET", "min-replicas-to-write", "3"), "refuses writes: NOREPLICAS"),
    (("CONFIG", "SET", "requirepass", "secret"), "NOAUTH, it wants a password"),
    (("ACL", "SETUSER", "default", "-evalsha", "-eval"), "NOPERM, its user lacks a right"),
    (("SET", "{streamer}:t:chats/1", "mine"), "WRONGTYPE"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("command", "told"), REFUSALS, ids=[told for _, told in REFUSALS])
async def test_a_refusal_says_what_is_wrong(
    own_server: Server, command: tuple[str, ...], told: str
) -> None:
    """In words that an operator can act on, and never as an error of redis-py."""
    with own_server.client() as client:
        client.execute_command(*command)
    log = RedisEventLog(own_server.url)
    with pytest.raises(LogUnavailable, match=told) as raised:
        await log.append(tick())
    assert raised.value.__cause__ is not None
    await log.close()


@pytest.mark.parametrize(
    "url", ["unix:///nowhere/s", "redis://127.0.0.1:1", "rediss://127.0.0.1:1"]
)
async def test_no_server_is_log_unavailable(url: str) -> None:
    """From every method, and the listener may wait for it."""
    log = RedisEventLog(url, timeout=1.0, backoff=lambda _attempt: 0.01)
    calls: list[Callable[[], object]] = [
        lambda: log.append(tick()),
        lambda: log.read(["chats/1"], ORIGIN, 1),
        log.head,
        lambda: log.snapshots(["chats/1"]),
        lambda: log.topics("", 1),
        lambda: log.report_connections("a", {}),
        lambda: log.connections(but="a"),
        lambda: log.listen(RecordingListener()).subscribe(["chats/1"]),
    ]
    for call in calls:
        with pytest.raises(LogUnavailable, match="cannot be reached"):
            await call()  # type: ignore[misc]
    await log.close()


@pytest.mark.faults
async def test_a_password_is_given_on_every_connection(own_server: Server) -> None:
    """Commands and notifications; a wrong one is told."""
    with own_server.client() as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", ">s3:cret", "~*", "&*", "+@all")
        client.config_set("requirepass", "other")
    path = own_server.url.removeprefix("unix://")
    log = RedisEventLog(f"unix://ann:s3%3Acret@{path}")
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    (id_,) = await append(log)
    await listener.heard(id_)
    await log.close()
    wrong = RedisEventLog(f"unix://ann:wrong@{path}", backoff=lambda _attempt: 0.01)
    with pytest.raises(LogUnavailable, match="WRONGPASS"):
        await wrong.append(tick())
    with pytest.raises(LogUnavailable):
        await wrong.listen(RecordingListener()).subscribe(["chats/1"])
    await wrong.close()


async def test_every_connection_has_the_name_of_the_url(redis_server: Server, prefix: str) -> None:
    """By which an operator finds them in CLIENT LIST: for commands, for WAIT, for notifications."""
    log = RedisEventLog(
        f"{redis_server.url}?client_name={prefix}", prefix=prefix, wait_replicas=1, timeout=1.0
    )
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    with pytest.raises(LogUnavailable, match="stored, but on 0 replicas"):
        await append(log)
    await log.head()
    with redis_server.client() as client:
        named = [each for each in client.client_list() if each["name"] == prefix]
    assert {each["cmd"] for each in named} >= {"wait", "evalsha"}
    assert len(named) == 3
    assert [each["sub"] != "0" for each in named].count(True) == 1
    await log.close()


async def test_two_prefixes_and_two_databases_share_a_server(
    redis_server: Server, prefix: str
) -> None:
    """Neither reads, hears or counts the other's events."""
    urls = [redis_server.url, redis_server.url, f"{redis_server.url}?db=1"]
    logs = [
        RedisEventLog(url, prefix=name)
        for url, name in zip(urls, (prefix, f"{prefix}-2", prefix), strict=True)
    ]
    listeners = [RecordingListener() for _ in logs]
    for log, listener in zip(logs, listeners, strict=True):
        await log.listen(listener).subscribe(["chats/1"])
    ids = [(await append(log))[0] for log in logs]
    for log, listener, id_ in zip(logs, listeners, ids, strict=True):
        await listener.heard(id_)
        assert listener.ids == [id_]
        assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [id_]
        await log.close()


async def test_all_keys_are_named_in_the_script_and_share_a_slot(
    redis_server: Server, prefix: str
) -> None:
    """As Redis Cluster asks; and every key but the log's few own ones can go."""
    log = RedisEventLog(
        redis_server.url, prefix=prefix, retention=RetentionPolicy(Retention(max_age=60))
    )
    done = new_event(("projects/p", "jobs/j"), "completed", {"task_name": "t"}, idempotency_key="k")
    await log.append_all([done], BatchKey("w", 1))
    with redis_server.client() as client:
        keys = sorted(key.decode() for key in client.scan_iter(f"*{prefix}*"))
        lasting = [key for key in keys if client.ttl(key) == -1]
    tag = f"{{{prefix}}}"
    assert all(key.startswith(tag + ":") for key in keys)
    assert lasting == [f"{tag}:birth", f"{tag}:clock", f"{tag}:topics"]
    assert len(keys) == len(lasting) + 2 + 4 * 2
    await log.close()


@pytest.mark.parametrize("status", ["queued", "started", "retrying"])
async def test_a_topic_whose_job_is_silent_goes_a_week_after_one_at_rest(
    redis_server: Server, prefix: str, status: str
) -> None:
    """A purged queue, a worker that never came back: counted from the last event."""
    week, month = SILENT_TTL // 1000, TOMBSTONE_TTL // 1000
    log = RedisEventLog(
        redis_server.url, prefix=prefix, retention=RetentionPolicy(Retention(max_age=60))
    )

    def lives(client: redis.Redis) -> list[int]:
        names = [f"{{{prefix}}}:{kind}:jobs/j" for kind in "tskm"]
        return [client.ttl(name) for name in names]

    with redis_server.client() as client:
        await append(log, new_event("jobs/j", "status", {"status": "queued", "task_name": "t"}))
        for name in client.scan_iter(f"*{prefix}*jobs/j"):
            client.expire(name, 100)
        event = new_event("jobs/j", "status", {"status": status, "task_name": "t"})
        await append(log, event)
        for life, expected in zip(lives(client), (week, week, week, week + month), strict=True):
            assert expected < life <= expected + 60
        await append(log, new_event("jobs/j", "completed", {"task_name": "t"}))
        for life, expected in zip(lives(client), (0, 0, 0, month), strict=True):
            assert expected < life <= expected + 60
    await log.close()


async def test_a_topic_that_was_forgotten_while_a_job_was_on_it_is_at_rest(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(
        redis_server.url, prefix=prefix, retention=RetentionPolicy(Retention(max_age=60))
    )
    await append(log, new_event("jobs/j", "status", {"status": "started", "task_name": "t"}))
    with redis_server.client() as client:
        client.delete(*[f"{{{prefix}}}:{kind}:jobs/j" for kind in "tsk"])
        await append(log, tick("jobs/j"))
        assert client.ttl(f"{{{prefix}}}:t:jobs/j") <= 60
    await log.close()


async def test_the_index_forgets_what_is_over_the_longest_age(
    redis_server: Server, prefix: str
) -> None:
    """Else every topic there ever was would be in it."""
    log = RedisEventLog(
        redis_server.url, prefix=prefix, retention=RetentionPolicy(Retention(max_age=60))
    )
    (first,) = await append(log, tick("old/1"))
    with redis_server.client() as client:
        client.zadd(f"{{{prefix}}}:topics", {"old/1": first.ms - 61_000})
        client.set(f"{{{prefix}}}:clock", f"{first.ms - 120_000}-0")
    await append(log, tick("new/1"))
    assert list(await log.topics("", 10)) == ["new/1"]
    await log.close()


async def test_the_index_is_read_in_steps(redis_server: Server, prefix: str) -> None:
    """A prefix that is rare among many topics is still found."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await append(log, tick("rare/1"))
    await append(log, *(tick(f"common/{n}") for n in range(2300)))
    assert list(await log.topics("rare/", 5)) == ["rare/1"]
    assert len(await log.topics("common/", 2200)) == 2200
    await log.close()


async def test_a_strangers_notification_is_ignored(redis_server: Server, prefix: str) -> None:
    """Whatever somebody publishes under our names."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    with redis_server.client() as client:
        for payload in ("", "x", "1-0 ", "1-0 - tick\n{}", "a-b - t c\n{}"):
            client.publish(f"{{{prefix}}}:n:0:chats/1", payload)
    (id_,) = await append(log)
    await listener.heard(id_)
    assert listener.ids == [id_]
    await log.close()


async def test_connections_wait_for_each_other(redis_server: Server, prefix: str) -> None:
    """More commands at once than connections: all of them are answered."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    ids = await asyncio.gather(*(log.append(tick(n=n)) for n in range(200)))
    assert len(set(ids)) == 200
    await log.close()


async def test_large_answers_are_read_in_turns_and_a_publish_waits_for_none(
    redis_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that may be large: events, state, and lists that grow with topics and processes."""
    monkeypatch.setattr("streamer.eventlog.redis.log._TURN_SHARE", 0.001)
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.report_connections("p", {"chats/1": 1})
    reads: list[Callable[[], Awaitable[object]]] = [
        lambda: log.read(["chats/1"], ORIGIN, 1),
        lambda: log.snapshots(["chats/1"]),
        lambda: log.topics("", 1),
        lambda: log.known_keys("chats/1", ["k"]),
        lambda: log.connections(but="q"),
    ]
    async with AsyncExitStack() as turns:
        for _ in range(8):
            await turns.enter_async_context(log._reading)
        for read in reads:
            with pytest.raises(LogUnavailable, match="too much is read at once"):
                await read()
        assert len(await append(log)) == 1
    for read in reads:
        await read()
    await log.close()


async def test_a_cancelled_read_is_cancelled(redis_server: Server, prefix: str) -> None:
    """Wherever it is on its way, at whatever turn of the event loop."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    for turns in range(12):
        reading = asyncio.create_task(log.read(["chats/1"], ORIGIN, 1))
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the event loop, no time
        was_done = reading.done()
        reading.cancel()
        await asyncio.wait((reading,))
        assert reading.cancelled() or was_done
    await log.close()
