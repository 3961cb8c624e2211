"""What the processes of a log share about access; over every log."""

from __future__ import annotations

import asyncio
import time

import pytest

from streamer.errors import LogUnavailable, TooManyRequests, TooManyRevocations
from streamer.eventlog.access import (
    KEY_BYTES,
    MAX_RENEWALS,
    RENEWAL_TTL,
    REVOCATIONS_PAGE,
    REVOKED_FOR,
    Renewal,
    Revocation,
)
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from support.servers import FakeClock, OpenLog, Server


def token(value: str, at: float) -> Revocation:
    return Revocation("jti", value, at)


def subject(value: str, at: float) -> Revocation:
    return Revocation("sub", value, at)


async def revoked(log: EventLog) -> list[Revocation]:
    return (await log.access.revocations())[1]


# The key


async def test_all_processes_have_the_same_key(log_kind: str, open_log: OpenLog) -> None:
    """Also those that ask for it at the same time."""
    first, second = open_log(), open_log()
    keys = await asyncio.gather(*(log.access.signing_key() for log in (first, second) * 5))
    assert len(keys[0]) == KEY_BYTES
    if log_kind == "memory":
        second = first
    assert len({await log.access.signing_key() for log in (first, second)}) == 1
    assert keys[0] == await first.access.signing_key()


async def test_another_log_has_another_key(redis_server: Server, prefix: str) -> None:
    logs = [RedisEventLog(redis_server.url, prefix=f"{prefix}-{n}") for n in range(2)]
    assert len({await log.access.signing_key() for log in logs}) == 2
    await asyncio.gather(*(log.close() for log in logs))


async def test_a_key_that_is_none_is_not_signed_with(redis_server: Server, prefix: str) -> None:
    """Whoever put it there may know it."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    with redis_server.client() as client:
        client.set(f"{{{prefix}}}:access:key", b"short")
    with pytest.raises(LogUnavailable):
        await log.access.signing_key()
    await log.close()


# What is revoked


async def test_what_is_revoked_is_kept_with_its_time(log: EventLog) -> None:
    now = round(time.time(), 3)
    assert await revoked(log) == []
    await log.access.revoke([token("a:b", now)])
    await log.access.revoke([subject("ü *", now + 0.125), subject("a:b", now + 0.25)])
    assert await revoked(log) == [
        token("a:b", now),
        subject("ü *", now + 0.125),
        subject("a:b", now + 0.25),
    ]


async def test_the_later_of_two_times_is_kept(log: EventLog) -> None:
    now = time.time() // 1
    for at in (now, now + 2.0, now + 1.0):
        await log.access.revoke([subject("ann", at)])
    assert await revoked(log) == [subject("ann", now + 2.0)]


async def test_a_revision_is_another_one_after_each_change_and_only_then(log: EventLog) -> None:
    now = time.time() // 1
    seen = [await log.access.revision()]
    for revocation in (token("a", now), subject("a", now), subject("a", now + 1.0)):
        await log.access.revoke([revocation])
        seen.append(await log.access.revision())
        await log.access.revoke([revocation])
        assert await log.access.revision() == seen[-1]
        assert (await log.access.revocations())[0] == seen[-1]
    assert len(set(seen)) == 4


async def test_what_is_older_than_any_token_is_forgotten(log: EventLog) -> None:
    now = time.time() // 1
    await log.access.revoke([token("old", now - REVOKED_FOR + 600.0)])
    assert len(await revoked(log)) == 1
    await log.access.revoke([token("older", now - REVOKED_FOR - 600.0), token("new", now)])
    await log.access.revoke([token("newer", now + 1.0)])
    assert [it.value for it in await revoked(log)] == ["old", "new", "newer"]


async def test_many_are_read_in_pages(log: EventLog) -> None:
    now = time.time() // 1
    many = [token(str(number), now + number) for number in range(2 * REVOCATIONS_PAGE)]
    for start in range(0, len(many), 500):
        await log.access.revoke(many[start : start + 500])
    assert await revoked(log) == many


async def test_no_more_are_kept_than_every_process_can_hold(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then none of a request is, and what is kept already may be said again."""
    for module in ("redis", "memory"):
        monkeypatch.setattr(f"streamer.eventlog.{module}.access.MAX_REVOCATIONS", 3)
    now = time.time() // 1
    await log.access.revoke([token(name, now) for name in "ab"])
    with pytest.raises(TooManyRevocations, match="3 tokens and subjects"):
        await log.access.revoke([token(name, now) for name in "cd"])
    assert [it.value for it in await revoked(log)] == ["a", "b"]
    await log.access.revoke([token("c", now)])
    await log.access.revoke([token("c", now + 1.0)])
    assert await revoked(log) == [token("a", now), token("b", now), token("c", now + 1.0)]


async def test_room_is_made_by_what_has_become_too_old(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("redis", "memory"):
        monkeypatch.setattr(f"streamer.eventlog.{module}.access.MAX_REVOCATIONS", 1)
    now = time.time() // 1
    await log.access.revoke([token("old", now)])
    for module in ("redis", "memory"):
        monkeypatch.setattr(f"streamer.eventlog.{module}.access.REVOKED_FOR", -10)
    await log.access.revoke([token("new", now + 100.0)])
    assert await revoked(log) == [token("new", now + 100.0)]


async def test_redis_may_lose_the_revision_and_it_shows(redis_server: Server, prefix: str) -> None:
    """It never comes back to one that was given before."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    now = time.time() // 1
    await log.access.revoke([token("a", now)])
    first = await log.access.revision()
    with redis_server.client() as client:
        client.delete(f"{{{prefix}}}:access:revoked", f"{{{prefix}}}:access:revision")
    assert await log.access.revision() == ""
    assert await revoked(log) == []
    await log.access.revoke([token("b", now)])
    assert await log.access.revision() not in {"", first}
    await log.close()


@pytest.mark.parametrize("name", ["revoked", "revision", "key", "r:here", "a:one"])
async def test_a_key_that_is_somebody_elses_is_a_log_that_is_unavailable(
    redis_server: Server, prefix: str, name: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    with redis_server.client() as client:
        client.rpush(f"{{{prefix}}}:access:{name}", "x")
    for work in (
        log.access.signing_key() if name == "key" else None,
        log.access.revoke([token("a", 1.0)]) if name in {"revoked", "revision"} else None,
        log.access.revocations() if name in {"revoked", "revision"} else None,
        log.access.send("here", renewal("one")) if name == "r:here" else None,
        log.access.take("here") if name == "r:here" else None,
        log.access.answer_to("one") if name == "a:one" else None,
    ):
        if work is not None:
            with pytest.raises(LogUnavailable):
                await work
    await log.close()


# Renewals


def renewal(id_: str) -> Renewal:
    return Renewal(id_, f"there.{id_}", b"\x00grants\xff")


async def test_a_renewal_is_taken_once_by_the_process_it_is_for(log: EventLog) -> None:
    await log.access.send("here", renewal("one"))
    await log.access.send("here", renewal("two"))
    await log.access.send("there", renewal("three"))
    taken = await log.access.take("here")
    assert sorted(taken, key=lambda it: it.id) == [renewal("one"), renewal("two")]
    assert await log.access.take("here") == []
    assert await log.access.take("there") == [renewal("three")]


async def test_a_renewal_is_answered_to_who_knows_its_id(log: EventLog) -> None:
    assert await log.access.answer_to("one") is None
    await log.access.answer("one", "renewed")
    assert await log.access.answer_to("one") == "renewed"
    assert await log.access.answer_to("two") is None


async def test_few_wait_for_a_process_that_does_not_take_them(log: EventLog) -> None:
    for number in range(MAX_RENEWALS):
        await log.access.send("here", renewal(str(number)))
    with pytest.raises(TooManyRequests):
        await log.access.send("here", renewal("more"))
    await log.access.send("there", renewal("one"))
    assert len(await log.access.take("here")) == MAX_RENEWALS
    await log.access.send("here", renewal("more"))


async def test_nothing_stays_for_a_process_that_is_gone() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await log.access.send("here", renewal("one"))
    await log.access.answer("one", "renewed")
    clock.advance(RENEWAL_TTL)
    assert await log.access.answer_to("one") is None
    await log.access.send("there", renewal("two"))
    assert await log.access.take("here") == []


async def test_what_redis_keeps_of_a_renewal_goes_by_itself(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.access.send("here", renewal("one"))
    await log.access.answer("one", "renewed")
    with redis_server.client() as client:
        for name in ("r:here", "a:one"):
            assert 0 < client.pttl(f"{{{prefix}}}:access:{name}") <= RENEWAL_TTL
    await log.close()


async def test_a_log_that_is_away_says_so(own_server: Server, prefix: str) -> None:
    log = RedisEventLog(own_server.url, prefix=prefix, timeout=0.5)
    own_server.kill()
    for work in (
        log.access.signing_key(),
        log.access.revoke([token("a", 1.0)]),
        log.access.revision(),
        log.access.revocations(),
        log.access.send("here", renewal("one")),
        log.access.take("here"),
        log.access.answer("one", "renewed"),
        log.access.answer_to("one"),
    ):
        with pytest.raises(LogUnavailable):
            await work
    await log.close()


async def test_it_survives_a_restart(own_server: Server, prefix: str) -> None:
    """As all that the log keeps."""
    log = RedisEventLog(own_server.url, prefix=prefix)
    key = await log.access.signing_key()
    await log.access.revoke([token("a", 2e9)])
    own_server.kill()
    own_server.start()
    assert await log.access.signing_key() == key
    assert await revoked(log) == [token("a", 2e9)]
    await log.close()
