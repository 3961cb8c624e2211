"""An append that is refused has changed nothing: no key, no notification, whatever was refused."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis

from streamer import SyncPublisher
from streamer.backoff import Backoff
from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogForbidden, LogUnavailable
from streamer.eventlog.base import BatchKey
from streamer.eventlog.leases import Lease
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import NewEvent, new_event
from support.listening import RecordingListener
from support.servers import Server
from support.waiting import wait_until, wait_until_blocking

USER = "limited"
JOB = ("jobs/j", "projects/p")
RETENTION = RetentionPolicy(Retention(max_length=3))


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def admin(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client
        client.acl_deluser(USER)


@pytest.fixture
async def full_log(server: Server, prefix: str) -> AsyncIterator[RedisEventLog]:
    """A log of a user that may do all, with topics that have as much as they keep."""
    log = RedisEventLog(server.url, prefix=prefix, retention=RETENTION)
    for n in range(3):
        await log.append_all([progress(n / 10), note()])
    yield log
    await log.close()


def progress(share: float, key: str | None = None) -> NewEvent:
    fields = {"task_name": "t", "progress": share, "attempt": 1}
    return new_event(JOB, "progress", fields, idempotency_key=key)


def everything_of_jobs() -> list[NewEvent]:
    """More jobs than are kept, their parts and their ends, and more tasks."""
    events = [progress(0.5), note()]
    for n in range(70):
        fields = {"task_name": f"t{n}", "progress": 0.5, "attempt": 1, "job_id": f"j{n}"}
        parent = {"parent_id": "j"} if n % 2 else {}
        events.append(new_event("projects/p", "progress", {**fields, **parent}))
        ended = {"task_name": f"t{n}", "job_id": f"j{n}", **parent}
        events.append(new_event("projects/p", "completed", ended))
    return events


def note(key: str | None = None, *, ephemeral: bool = False) -> NewEvent:
    return new_event("chats/1", "note", {"n": 1}, idempotency_key=key, ephemeral=ephemeral)


def allow(admin: redis.Redis, *rules: str) -> None:
    """Let the user do all but what `rules` take away."""
    given = ("reset", "on", ">pw", "+@all", "~*", "&*", *rules)
    admin.execute_command("ACL", "SETUSER", USER, *given)  # type: ignore[no-untyped-call]


def as_user(server: Server, prefix: str, *, wait_replicas: int = 0) -> RedisEventLog:
    path = server.url.removeprefix("unix://")
    return RedisEventLog(
        f"unix://{USER}:pw@{path}",
        prefix=prefix,
        retention=RETENTION,
        wait_replicas=wait_replicas,
    )


def everything(client: redis.Redis, prefix: str) -> dict[bytes, bytes | None]:
    """All that is stored under a prefix."""
    return {key: client.dump(key) for key in client.scan_iter(f"{{{prefix}}}*", 1000)}


COMMANDS = (
    *("get", "set", "time", "zcard", "zadd", "zremrangebyscore", "publish"),
    *("hmget", "hget", "hset", "hdel", "hlen", "hgetall", "xlen", "xadd", "xtrim", "xrange"),
    *("pexpireat", "pexpire", "evalsha"),
)
#: rules, what the error names.
FORBIDDEN: list[tuple[tuple[str, ...], str]] = [
    (("resetchannels",), r"PUBLISH on \{PREFIX\}:n:0:chats/1"),
    (("resetchannels", "&{PREFIX}:n:0:chats/*"), r"PUBLISH on \{PREFIX\}:n:0:jobs/j"),
    (("resetkeys", "~{PREFIX}:c*", "~{PREFIX}:b*", "~{PREFIX}:topics"), "key"),
    (("resetkeys", "%R~*"), "key"),
    *(((f"-{command}",), command.upper()) for command in COMMANDS),
    # A selector that allows all but one command on all but one topic.
    (
        ("-xadd", "(+xadd ~{PREFIX}:t:chats/* ~{PREFIX}:t:jobs/*)"),
        r"XADD on \{PREFIX\}:t:projects/p",
    ),
]


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=[" ".join(row[0]) for row in FORBIDDEN])
async def test_a_right_that_is_missing_is_named_and_nothing_is_stored_or_notified(
    server: Server,
    admin: redis.Redis,
    full_log: RedisEventLog,
    prefix: str,
    forbidden: tuple[tuple[str, ...], str],
) -> None:
    """One event, or a worker's batch with one that was stored before; granted, all of it is."""
    rules, named = forbidden
    await full_log.append(progress(0.4, "before"))
    listener = RecordingListener()
    await full_log.listen(listener).subscribe(["chats/1", *JOB])
    before = everything(admin, prefix)
    allow(admin, *(rule.replace("PREFIX", prefix) for rule in rules))
    log = as_user(server, prefix)
    batch = [
        note(ephemeral=True),
        progress(0.4, "before"),
        note("new"),
        progress(0.5),
        new_event(JOB, "completed", {"task_name": "t"}),
    ]
    named = named.replace("PREFIX", re.escape(prefix))
    for _ in range(2):
        with pytest.raises(LogForbidden, match=f"(?i){named}") as raised:
            await log.append_all(batch, BatchKey("worker", 1))
        assert "user_script" not in raised.value.detail
    assert everything(admin, prefix) == before
    allow(admin)
    ids = await log.append_all(batch, BatchKey("worker", 1))
    await listener.heard(ids[-1])
    assert [event.type for event in listener.events] == ["note", "note", "progress", "completed"]
    await log.close()


async def test_a_missing_wait_is_named_before_anything_is_stored(
    server: Server, admin: redis.Redis, full_log: RedisEventLog, prefix: str
) -> None:
    """Else each retry would store the event again, and be refused by WAIT again."""
    before = everything(admin, prefix)
    allow(admin, "-wait")
    log = as_user(server, prefix, wait_replicas=1)
    with pytest.raises(LogForbidden, match="WAIT"):
        await log.append(note())
    assert everything(admin, prefix) == before
    assert await full_log.head() == await log.head()
    await log.close()


#: Of every hash of ours.
FIELDS = (
    "last",
    "trimmed",
    "reason",
    "busy",
    "status",
    "progress",
    "attempt",
    "terminal",
    "t",
    "j",
)
KEYS = (
    *("clock", "birth", "topics", "b:worker", "IDEMPOTENCY"),
    *(f"{kind}:{topic}" for kind in "tmsk" for topic in JOB),
)


@pytest.mark.parametrize("key", [*KEYS, "clock=nonsense", "birth=nonsense"])
async def test_somebody_elses_key_under_our_name_is_named_and_nothing_is_stored(
    admin: redis.Redis, full_log: RedisEventLog, prefix: str, key: str
) -> None:
    """Neither the other key nor those that are ours; it may be anywhere in a batch."""
    batch = [note(ephemeral=True), note(), progress(0.5, "key")]
    key, _, text = key.partition("=")
    name = f"{{{prefix}}}:{key}"
    if key == "IDEMPOTENCY":
        known = everything(admin, prefix)
        await full_log.append(progress(0.5, "key"))
        (found,) = everything(admin, prefix).keys() - known.keys()
        name = found.decode()
    admin.delete(name)
    if text:
        admin.set(name, text)
    else:
        admin.sadd(name, "x")
    before = everything(admin, prefix)
    with pytest.raises(LogUnavailable, match=rf"something else.*{re.escape(name)}"):
        await full_log.append_all(batch, BatchKey("worker", 1))
    assert everything(admin, prefix) == before


async def test_a_log_of_a_newer_streamer_is_refused_by_name_and_left_as_it_is(
    admin: redis.Redis, full_log: RedisEventLog, prefix: str
) -> None:
    """What has another shape is neither read as ours nor written to."""
    key = f"{{{prefix}}}:birth"
    birth = admin.get(key)
    assert isinstance(birth, bytes)
    admin.set(key, b"schema 2 " + birth)
    before = everything(admin, prefix)
    for ask in (
        full_log.append(note()),
        full_log.read(["jobs/j"], ORIGIN, 10),
        full_log.snapshots(["jobs/j"]),
        full_log.head(),
    ):
        with pytest.raises(LogUnavailable, match=r"kept by a newer Streamer.*schema 2, .* knows 1"):
            await ask
    assert everything(admin, prefix) == before
    admin.set(key, birth)
    assert await full_log.append(note())


@pytest.mark.parametrize("key", [*KEYS, "processes", "c:p", "leases:held", "leases:deadlines"])
async def test_somebody_elses_key_is_never_a_defect_of_ours(
    admin: redis.Redis, full_log: RedisEventLog, prefix: str, key: str
) -> None:
    """Whatever asks for it is refused by name, or answers; so with nonsense of the right type."""
    name = f"{{{prefix}}}:{key}"
    lease = Lease("j", JOB, 1)
    await full_log.report_connections("p", {"jobs/j": 1})
    await full_log.leases.renew([lease], 0.0)
    writes: dict[str, Callable[[], object]] = {
        "stream": lambda: admin.xadd(name, {"a": "b", "c": "d"}),
        "entry": lambda: admin.xadd(name, {"e": "nonsense"}),
        "hash": lambda: admin.hset(name, mapping=dict.fromkeys(FIELDS, "nonsense")),
        "text": lambda: admin.set(name, "nonsense"),
        "list": lambda: admin.rpush(name, "nonsense"),
        "sorted set": lambda: admin.zadd(name, {"nonsense": 1.5}),
    }
    for kind, write in writes.items():
        admin.delete(name)
        write()
        reads: list[Callable[[], Awaitable[object]]] = [
            lambda: full_log.read(JOB, ORIGIN, 10),
            lambda: full_log.snapshots(JOB),
            lambda: full_log.topics("", 10),
            lambda: full_log.connections(but="q"),
            lambda: full_log.leases.lapsed(1.0),
            lambda: full_log.leases.renew([lease], 1.0),
            lambda: full_log.append_all(everything_of_jobs(), BatchKey("worker", 1)),
        ]
        for read in reads:
            try:
                await read()
            except LogUnavailable as error:
                assert "something else" in error.detail, (kind, error.detail)  # noqa: PT017


async def test_a_user_without_rights_for_leases_changes_none(
    server: Server, admin: redis.Redis, prefix: str
) -> None:
    allow(admin, "-hset")
    log = as_user(server, prefix)
    with pytest.raises(LogForbidden, match="HSET"):
        await log.leases.renew([Lease("j", JOB, 1)], 10)
    assert everything(admin, prefix) == {}
    await log.close()


REFUSALS: dict[str, list[tuple[str, ...]]] = {
    "OOM": [("CONFIG", "SET", "maxmemory", "1")],
    "NOREPLICAS": [("CONFIG", "SET", "min-replicas-to-write", "3")],
    "READONLY": [("REPLICAOF", "127.0.0.1", "1")],
    "MISCONF": [("CONFIG", "SET", "save", "3600 1"), ("BGSAVE",)],
}


@pytest.mark.faults
@pytest.mark.parametrize("named", REFUSALS)
async def test_what_redis_refuses_is_refused_as_a_whole(
    own_server: Server, short_dir: Path, named: str
) -> None:
    """What is notified only, too, if something of its batch is stored."""
    log = RedisEventLog(own_server.url)
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1", *JOB])
    await log.append(progress(0.4, "before"))
    # No dump can take the place of a directory: every save fails.
    (short_dir / "dump.rdb" / "full").mkdir(parents=True)
    with own_server.client() as client:
        for command in REFUSALS[named]:
            client.execute_command(*command)
        if named == "MISCONF":
            await wait_until(
                lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err",
                "the save did not fail",
            )
        before = everything(client, "streamer")
        batches = ([note(ephemeral=True)], [note(ephemeral=True), note(), progress(0.5, "key")])
        for sequence, batch in enumerate(batches, start=1):
            with pytest.raises(LogUnavailable, match=named):
                await log.append_all(batch, BatchKey("worker", sequence))
        assert everything(client, "streamer") == before
    assert [event.type for event in listener.events] == ["progress"]
    await log.close()


def test_a_worker_without_channels_says_it_once_and_holds_its_events(
    server: Server, admin: redis.Redis, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty times a second it was stored again; now it is stored once, when it may be."""
    caplog.set_level(logging.WARNING)
    allow(admin, "resetchannels")
    with SyncPublisher(lambda: as_user(server, prefix), backoff=Backoff(0.001, 0.01)) as publisher:
        publisher.publish("chats/1", "note", {"n": 1})
        wait_until_blocking(lambda: publisher.away, "the refusal was not noticed")
        assert not publisher.flush(0.2)
        assert everything(admin, prefix) == {}
        assert publisher.dropped == 0
        allow(admin)
        assert publisher.flush()
    assert admin.xlen(f"{{{prefix}}}:t:chats/1") == 1
    told = [line for line in caplog.messages if "PUBLISH" in line]
    assert len(told) == 1
