"""A log that lost its end, as after a failover to a replica that was behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.attach import Attach
from streamer.cursor import Cursor
from streamer.eventlog.memory import MemoryEventLog
from streamer.hub import Hub
from streamer.new_event import new_event
from support.listening import InterceptingEventLog
from support.servers import FakeClock
from support.waiting import wait_until
from support.writers import FakeWriter

TOPIC = "chats/1"


class RolledBackLog(InterceptingEventLog):
    """A log in memory that can be replaced by an older state of itself.

    Its listeners hear of what is appended to the older one, over the same
    connection: nothing tells them that another server has taken over.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._born = self.clock.now
        super().__init__(MemoryEventLog(clock=self.clock))

    async def roll_back(self, events: int) -> None:
        """Keep only the first `events`, and go on with a clock that stands there."""
        page = await self.read([TOPIC], Cursor(1, 0), 1000)
        kept = page.events[:events]
        self.clock.now = self._born
        older = MemoryEventLog(clock=self.clock)
        for event in kept:
            assert event.id is not None
            self.clock.now = event.id.ms
            await older.append(new_event(TOPIC, event.type, {"n": 0}))
        for gate in self._gates:
            await older.listen(gate).subscribe([TOPIC])
        self._log = older


@pytest.fixture
def log() -> RolledBackLog:
    return RolledBackLog()


@pytest.fixture
async def hub(log: RolledBackLog) -> AsyncIterator[Hub]:
    hub = Hub(log)
    hub.start()
    yield hub
    await hub.close()


async def publish(log: RolledBackLog, count: int) -> list[str]:
    ids = []
    for n in range(count):
        log.clock.advance(1000)
        ids.append(str(await log.append(new_event(TOPIC, "tick", {"n": n}))))
    return ids


async def attach(hub: Hub) -> FakeWriter:
    writer = FakeWriter()
    await hub.attach(Attach(topics=(TOPIC,)), writer)
    return writer


def received(writer: FakeWriter) -> list[tuple[str, str]]:
    """The events and gaps that came: their types, and where they stand."""
    writer.take()
    shown = ("tick", "gap")
    return [
        (str(frame["type"]), str(frame.get("id") or frame["until"]))
        for frame in writer.taken
        if frame["type"] in shown
    ]


def gaps(writer: FakeWriter) -> list[dict[str, Any]]:
    writer.take()
    return [frame for frame in writer.taken if frame["type"] == "gap"]


async def heard(writer: FakeWriter, id_: str) -> None:
    await wait_until(lambda: ("tick", id_) in received(writer), f"{id_} did not come")


async def test_live_readers_are_told_when_the_head_went_backwards(
    log: RolledBackLog, hub: Hub
) -> None:
    """When the log is heard again every live reader gets a reset, and then what is new."""
    readers = [await attach(hub) for _ in range(3)]
    ids = await publish(log, 5)
    for reader in readers:
        await heard(reader, ids[-1])
    log.interrupt()
    await log.roll_back(2)
    log.resume()
    await wait_until(lambda: all(map(gaps, readers)), "not everybody was told of the reset")
    (new,) = await publish(log, 1)
    for reader in readers:
        await heard(reader, new)
        (gap,) = gaps(reader)
        assert gap["reason"] == "reset"
        assert gap["topic"] is None
        assert (gap["after"], gap["until"]) == (ids[-1], ids[1])
        assert received(reader)[-2:] == [("gap", ids[1]), ("tick", new)]


async def test_a_log_that_has_grown_beyond_the_head_again_is_noticed(
    log: RolledBackLog, hub: Hub
) -> None:
    """What it lost was delivered; live readers are told, and given what is there instead."""
    reader = await attach(hub)
    ids = await publish(log, 5)
    await heard(reader, ids[-1])
    log.interrupt()
    await log.roll_back(2)
    log.clock.advance(500)  # its ids fall between those that were there, and beyond
    new = await publish(log, 6)
    assert new[0] < ids[-1] < new[-1]
    log.resume()
    await heard(reader, new[-1])
    (gap,) = gaps(reader)
    assert (gap["reason"], gap["after"], gap["until"]) == ("reset", ids[-1], ids[1])
    assert received(reader)[-7:] == [("gap", ids[1]), *(("tick", id_) for id_ in new)]


async def test_a_log_that_lost_nothing_is_no_reset(log: RolledBackLog, hub: Hub) -> None:
    """However often notifications are lost."""
    reader = await attach(hub)
    ids = await publish(log, 5)
    await heard(reader, ids[-1])
    for _ in range(3):
        log.interrupt()
        ids += await publish(log, 2)
        log.resume()
        await heard(reader, ids[-1])
    assert gaps(reader) == []
    assert received(reader) == [("tick", id_) for id_ in ids]


async def test_old_ids_that_are_new_are_no_duplicates(log: RolledBackLog, hub: Hub) -> None:
    """No connection was lost, and what is notified has ids below the head: a reset."""
    reader = await attach(hub)
    ids = await publish(log, 5)
    await heard(reader, ids[-1])
    await log.roll_back(2)
    log.clock.advance(-500)  # its ids fall between those that were there
    new = await publish(log, 2)
    for id_ in new:
        await heard(reader, id_)
    (gap,) = gaps(reader)
    assert gap["reason"] == "reset"
    assert received(reader)[-3:] == [("gap", ids[1]), *(("tick", id_) for id_ in new)]


async def test_an_idle_feed_notices_too(log: RolledBackLog, hub: Hub) -> None:
    """Its tail is empty, so an old id proves nothing: the log is asked."""
    await publish(log, 5)
    reader = await attach(hub)
    await log.roll_back(2)
    log.clock.advance(-500)
    new = await publish(log, 1)
    await wait_until(lambda: gaps(reader), "nobody was told of the reset")
    await publish(log, 1)
    (gap,) = gaps(reader)
    assert (gap["reason"], gap["until"]) == ("reset", new[0])
