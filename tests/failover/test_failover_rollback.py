"""A log that lost its end, or all of it, while its clock is behind: ids never fall."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from streamer.events.page import Gap
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from support.reading import gaps_of, ids_of, items_of, read_all
from support.rollback import Rollback
from support.servers import Server
from support.waiting import wait_until
from support.writers import FakeWriter

TOPIC = "chats/1"


@pytest.fixture
async def log(redis_server: Server, prefix: str) -> AsyncIterator[RedisEventLog]:
    """The log as one process has it."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    yield log
    await log.close()


@pytest.fixture
async def stranger(redis_server: Server, prefix: str) -> AsyncIterator[RedisEventLog]:
    """The same log, as another process has it, that was started just now."""
    log = RedisEventLog(redis_server.url, prefix=prefix)
    yield log
    await log.close()


@pytest.fixture
async def hub(log: RedisEventLog) -> AsyncIterator[Hub]:
    hub = Hub(log)
    hub.start()
    yield hub
    await hub.close()


@pytest.fixture
async def past(redis_server: Server, prefix: str, log: RedisEventLog) -> Rollback:
    """The log while it was empty, and its clock a minute ahead."""
    past = Rollback(redis_server, prefix)
    await log.head()
    past.put_ahead()
    return past


async def publish(log: RedisEventLog, count: int) -> list[Cursor]:
    ids = [await log.append(new_event(TOPIC, "tick", {"n": n})) for n in range(count)]
    return [id_ for id_ in ids if id_ is not None]


async def attach(hub: Hub, resume: Cursor | None = None) -> FakeWriter:
    writer = FakeWriter()
    await hub.attach(Attach(topics=(TOPIC,), resume=resume), writer)
    return writer


def received(writer: FakeWriter) -> list[Cursor]:
    writer.take()
    return [Cursor.parse(frame["id"]) for frame in writer.taken if frame["type"] == "tick"]


def gaps(writer: FakeWriter) -> list[dict[str, Any]]:
    writer.take()
    return [frame for frame in writer.taken if frame["type"] == "gap"]


def check_cursors(writer: FakeWriter) -> None:
    """Where the reader would resume from only moves forward, and no event comes twice."""
    writer.take()
    stood = [
        Cursor.parse(frame.get("cursor") or frame["id"])
        for frame in writer.taken
        if frame["type"] in {"connected", "tick", "gap", "caught_up"}
    ]
    assert all(before <= after for before, after in pairwise(stood)), stood
    assert all(before < after for before, after in pairwise(received(writer)))


async def heard(writer: FakeWriter, id_: Cursor) -> None:
    await wait_until(lambda: id_ in received(writer), f"{id_} did not come")


async def test_live_readers_are_told_when_the_end_was_lost_while_nothing_was_heard(
    log: RedisEventLog, hub: Hub, past: Rollback
) -> None:
    """Each once, and then what is new; nobody knows what else was in what was lost."""
    ids = await publish(log, 2)
    past.save()
    readers = [await attach(hub) for _ in range(3)]
    ids += await publish(log, 3)
    for reader in readers:
        await heard(reader, ids[-1])
    past.restore()
    past.deafen()
    await wait_until(lambda: all(map(gaps, readers)), "not everybody was told of the reset")
    (new,) = await publish(log, 1)
    for reader in readers:
        await heard(reader, new)
        (gap,) = gaps(reader)
        assert (gap["reason"], gap["topic"], gap["after"]) == ("reset", None, str(ids[-1]))
        assert ids[-1] < Cursor.parse(gap["until"]) < new
        check_cursors(reader)


@pytest.mark.parametrize("loss", ["restored", "flushed"])
async def test_whoever_publishes_next_goes_on_above_what_was_lost(
    log: RedisEventLog, hub: Hub, past: Rollback, loss: str
) -> None:
    """Who is live has missed nothing, and hears of nothing but what is new."""
    reader = await attach(hub)
    past.save()
    ids = await publish(log, 3)
    await heard(reader, ids[-1])
    past.restore() if loss == "restored" else past.flush()
    ids += await publish(log, 2)
    await heard(reader, ids[-1])
    assert received(reader) == sorted(set(ids)) == ids
    assert gaps(reader) == []


async def test_every_reader_that_was_away_is_told_exactly(
    log: RedisEventLog, stranger: RedisEventLog, past: Rollback
) -> None:
    """From before what was lost, at its edge, from within it, from its end, from behind it."""
    before, edge = await publish(log, 2)
    past.save()
    within, last = await publish(log, 2)
    past.restore()
    new = await publish(log, 2)
    for process in (log, stranger):
        page = await process.read([TOPIC], before, 10)
        assert items_of(page)[0] == page.events[0]
        assert (ids_of(items_of(page)), page.complete, page.cursor) == ([edge], False, edge)
        for after in (edge, within, last):
            page = await process.read([TOPIC], after, 10)
            (gap,) = page.gaps
            assert gap == Gap(None, after, gap.until, "reset")
            assert last < gap.until < new[0]
            assert ids_of(items_of(page)) == new
        assert gaps_of(await read_all(process, [TOPIC], new[0])) == []
        assert ids_of(await read_all(process, [TOPIC], ORIGIN)) == [before, edge, *new]


async def test_a_read_tells_of_the_loss_though_nothing_was_published_since(
    log: RedisEventLog, stranger: RedisEventLog, past: Rollback
) -> None:
    """By a process that has seen more than the log has; then every process knows."""
    (edge,) = await publish(log, 1)
    past.save()
    within, last = await publish(log, 2)
    past.restore()
    # Nobody whom it could ask knows more: it leads the reader back.
    page = await stranger.read([TOPIC], within, 10)
    assert items_of(page) == [Gap(None, within, edge, "reset")]
    assert page.cursor == edge
    for process in (log, stranger):
        page = await process.read([TOPIC], within, 10)
        (gap,) = page.gaps
        assert gap.until > last
        assert page.cursor == gap.until == await process.head()
    (new,) = await publish(stranger, 1)
    assert new > last


async def test_who_knows_nothing_is_raised_by_who_does(
    log: RedisEventLog, stranger: RedisEventLog, hub: Hub, past: Rollback
) -> None:
    """Its first event has an old id: readers are told of a reset, and nothing is given twice."""
    reader = await attach(hub)
    past.save()
    ids = await publish(log, 3)
    await heard(reader, ids[-1])
    past.restore()
    (low,) = await publish(stranger, 1)
    assert low <= ids[-1]
    await wait_until(lambda: gaps(reader), "nobody was told of the reset")
    (new,) = await publish(stranger, 1)
    await heard(reader, new)
    assert received(reader) == [*ids, new]
    (gap,) = gaps(reader)
    assert gap["reason"] == "reset"
    assert low <= ids[-1] < Cursor.parse(gap["until"]) < new
    check_cursors(reader)


async def test_a_log_that_lost_nothing_is_no_reset(
    log: RedisEventLog, hub: Hub, past: Rollback
) -> None:
    """However often notifications are lost."""
    reader = await attach(hub)
    ids = await publish(log, 5)
    for _ in range(3):
        past.deafen()
        ids += await publish(log, 2)
        await heard(reader, ids[-1])
    assert gaps(reader) == []
    assert received(reader) == ids


@pytest.mark.faults
async def test_a_loss_is_told_though_redis_refuses_writes(own_server: Server) -> None:
    """It cannot be kept then, so it is found again by whoever knows; reading goes on."""
    log = RedisEventLog(own_server.url)
    past = Rollback(own_server, "streamer")
    (edge,) = await publish(log, 1)
    past.save()
    within, last = await publish(log, 2)
    past.restore()
    with own_server.client() as client:
        client.config_set("min-replicas-to-write", 1)
        (gap,) = (await log.read([TOPIC], within, 10)).gaps
        assert gap.until > last
        assert ids_of(await read_all(log, [TOPIC], Cursor(1, 0))) == [edge]
        assert (await log.snapshots([TOPIC]))[TOPIC].cursor > last
        client.config_set("min-replicas-to-write", 0)
    (new,) = await publish(log, 1)
    assert new > gap.until
    await log.close()


async def test_a_cursor_of_a_client_raises_nothing(log: RedisEventLog) -> None:
    """Else one made-up id would put every later id a thousand years ahead."""
    (first,) = await publish(log, 1)
    ahead = Cursor(first.ms + 1_000_000_000_000, 0)
    assert items_of(await log.read([TOPIC], ahead, 10)) == [Gap(None, ahead, first, "reset")]
    (second,) = await publish(log, 1)
    assert second.ms < first.ms + 1_000_000
    assert gaps_of(await read_all(log, [TOPIC], first)) == []


async def test_losses_are_bounded_and_forgotten_after_a_month(
    log: RedisEventLog, redis_server: Server, prefix: str
) -> None:
    """Of more than sixteen the two oldest are one; who comes from within any is told."""
    clock, birth = f"{{{prefix}}}:clock", f"{{{prefix}}}:birth"
    with redis_server.client() as client:
        # There is an index, so that the log is whole but for its clock.
        await log.append(new_event("other", "tick", {}))

        async def lose() -> Cursor:
            position = str(await log.head())
            id_ = await log.append(new_event("other", "tick", {}))
            client.set(clock, position)
            await log.head()
            assert id_ is not None
            return id_

        seen = [await lose() for _ in range(20)]
        begins, *lost = bytes(client.get(birth) or b"").split()
        assert len(lost) == 16
        for id_ in seen:
            after = id_.before()
            assert gaps_of(await read_all(log, [TOPIC], after))[0].after == after
        month_ago = seen[0].ms - 31 * 24 * 3600 * 1000
        client.set(birth, b"%b %d-0:%d-1 %b" % (begins, month_ago, month_ago, lost[-1]))
        await lose()
        assert bytes(client.get(birth) or b"").split()[:-1] == [begins, lost[-1]]


async def test_a_flush_while_nobody_hears_is_told_once(own_server: Server) -> None:
    """The reader that came back meanwhile knows all; it is told and given nothing twice."""
    log = RedisEventLog(own_server.url, backoff=lambda _attempt: 0.02)
    hub = Hub(log)
    hub.start()
    old = await publish(log, 2)
    live = await attach(hub)
    with own_server.client() as client:
        client.acl_setuser("default", enabled=True, commands=["-subscribe"])
        client.client_kill_filter(_type="pubsub")
        await wait_until(lambda: not hub.healthy, "nobody noticed")
        client.flushall()
        new = await publish(log, 2)
        back = await attach(hub, resume=Cursor(old[0].ms - 5, 0))
        await heard(back, new[-1])
        client.acl_setuser("default", enabled=True, commands=["+subscribe"])
    new += await publish(log, 1)
    for writer in (live, back):
        await heard(writer, new[-1])
        assert received(writer) == new
        assert [gap["reason"] for gap in gaps(writer)] == ["reset"]
        check_cursors(writer)
    back.take()
    assert back.types() == ["connected", "gap", "tick", "tick", "caught_up", "tick"]
    await hub.close()
    await log.close()
