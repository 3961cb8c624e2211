"""The judge finds what is wrong with several topics, with counts and with heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from support import fault_bystanders
from support.fault_bystanders import Bystander, Wire
from support.fault_load import CROWD_LIMIT
from support.fault_places import Places
from support.fault_publishers import FaultPublisher
from support.fault_readers import SseReader
from support.fault_several import SeveralReader
from support.fault_stage import staged
from support.servers import Server
from support.verdict import judge
from support.waiting import DidNotCome, wait_until


def at(ms: int) -> Cursor:
    return Cursor(ms, 0)


@pytest.fixture
def places() -> Places:
    """A client that reads `a` and `b` from 10 on, and has left `c` at 4."""
    places = Places(["a", "b", "c"])
    places.connect("a")
    places.connected(["a", "b", "c"], at(4))
    places.left("c", ["a", "b"])
    places.event(at(10), ["a"])
    return places


# Cursors


def test_what_is_right_is_found_right(places: Places) -> None:
    places.event(at(12), ["a", "b"])
    places.added("c", ["a", "b", "c"])
    places.event(at(6), ["c"])
    places.gap("c", at(8), at(12))
    places.event(at(11), ["c"])
    places.event(at(13), ["b"])
    places.gap(None, at(15), at(15))
    places.caught_up(at(16))
    assert places.have_all(at(16))


def test_an_event_that_comes_again_is_found(places: Places) -> None:
    places.event(at(12), ["a", "b"])
    with pytest.raises(AssertionError, match="came again"):
        places.event(at(12), ["a", "b"])


def test_an_event_that_comes_again_by_an_added_topic_is_found(places: Places) -> None:
    places.added("c", ["a", "b", "c"])
    places.event(at(6), ["c"])
    with pytest.raises(AssertionError, match="came again"):
        places.event(at(6), ["c"])


def test_an_event_of_another_topic_than_was_added_may_not_come_late(places: Places) -> None:
    places.had["b"] = at(4)
    places.added("c", ["a", "b", "c"])
    with pytest.raises(AssertionError, match="came after"):
        places.event(at(6), ["b"])


def test_what_was_missed_of_an_added_topic_may_not_come_after_others(places: Places) -> None:
    places.added("c", ["a", "b", "c"])
    places.event(at(12), ["a"])
    with pytest.raises(AssertionError, match=r"came (again|after)"):
        places.event(at(6), ["c"])


def test_an_event_of_a_topic_that_is_not_subscribed_is_found(places: Places) -> None:
    with pytest.raises(AssertionError, match="subscribed are"):
        places.event(at(12), ["c"])


def test_a_gap_whose_cursor_goes_back_is_found(places: Places) -> None:
    with pytest.raises(AssertionError, match="a gap moves to"):
        places.gap("a", at(12), at(9))


def test_a_gap_whose_cursor_passes_an_event_is_found(places: Places) -> None:
    places.gap("a", at(12), at(14))
    with pytest.raises(AssertionError, match=r"came (again|after)"):
        places.event(at(13), ["b"])


def test_a_caught_up_that_passes_an_event_is_found(places: Places) -> None:
    places.caught_up(at(14))
    with pytest.raises(AssertionError, match=r"came (again|after)"):
        places.event(at(13), ["b"])


def test_a_caught_up_that_goes_back_is_found(places: Places) -> None:
    with pytest.raises(AssertionError, match="caught up at"):
        places.caught_up(at(9))


def test_a_connection_that_is_taken_up_elsewhere_is_found(places: Places) -> None:
    topics, cursor = places.connect("c")
    assert (topics, cursor) == (("c",), at(4))
    with pytest.raises(AssertionError, match="taken up at"):
        places.connected(topics, at(5))


def test_a_reply_that_names_other_topics_is_found(places: Places) -> None:
    with pytest.raises(AssertionError, match="with c added"):
        places.added("c", ["b", "c"])


# Losses


class ToldPublisher(FaultPublisher):
    """A publisher whose notes a test writes: one event of `a`, one of `b`, one of both."""

    def topics_of(self, number: int) -> tuple[str, ...]:
        return (("a",), ("b",), ("a", "b"))[number]

    async def _publish(self, number: int) -> None:
        raise NotImplementedError


class ToldReader(SeveralReader):
    """A reader whose notes a test writes."""

    async def _read(self) -> None:
        raise NotImplementedError


class Case:
    """Three events in a log, and what a reader of `a` and `b` is sent of them."""

    def __init__(self) -> None:
        self.log = MemoryEventLog()
        self.publisher = ToldPublisher("a")
        self.bodies: list[dict[str, Any]] = []
        self.reader = ToldReader("", ["a", "b"], 1)
        self.reader.places.connect("a")
        self.reader._take({"type": "connected", "topics": ["a", "b"], "cursor": str(ORIGIN)})

    async def publish(self) -> None:
        for number in range(3):
            topics = self.publisher.topics_of(number)
            body = {"by": self.publisher.name, "n": number}
            id_ = await self.log.append(new_event(topics, "tick", body))
            self.publisher.stored[number] = id_
            self.bodies.append({"type": "tick", "id": str(id_), "topics": topics, **body})
        self.publisher.next = 3

    async def lost(self) -> list[str]:
        """What is lost, by topic."""
        return [
            f"{topic}: {one}"
            for topic in ("a", "b")
            for one in (await judge(self.log, topic, [self.reader], [self.publisher])).lost
        ]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    await case.publish()
    yield case
    await case.log.close()


async def test_an_event_of_several_topics_that_came_once_is_had_by_each(case: Case) -> None:
    for body in case.bodies:
        case.reader._take(body)
    assert await case.lost() == []


async def test_an_event_of_several_topics_that_did_not_come_is_lost_by_each(case: Case) -> None:
    for body in case.bodies[:2]:
        case.reader._take(body)
    assert [one[0] for one in await case.lost()] == ["a", "b"]


async def test_a_gap_of_one_topic_excuses_no_other(case: Case) -> None:
    case.reader._take(case.bodies[0])
    case.reader._take(
        {"type": "gap", "topic": "a", "reason": "reset"}
        | dict.fromkeys(("until", "cursor"), case.bodies[1]["id"])
        | {"after": case.bodies[0]["id"]}
    )
    case.reader._take(case.bodies[2])
    assert [one[0] for one in await case.lost()] == ["b"]


# Counts and heartbeats


async def test_a_reader_whom_nobody_knows_is_a_ghost(
    own_server: Server, seed: int, short_dir: Path
) -> None:
    limit = {"STREAMER_MAX_CONNECTIONS_PER_CLIENT": str(CROWD_LIMIT)}
    with staged(own_server, seed, short_dir, **limit) as stage:
        async with stage.load(crowd=True) as load, AsyncExitStack() as stack:
            assert load.crowd is not None
            await load.settle()
            unknown = SseReader(stage.server.url, stage.topic)
            await stack.enter_async_context(unknown)
            await unknown.is_live()
            with pytest.raises(DidNotCome, match="the server counts others"):
                await load.count(load.crowd, deadline=0.2)


@pytest.mark.parametrize("wire", ["sse", "websocket"])
async def test_a_heartbeat_that_is_missing_is_found(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_bystanders, "MOST_SILENCE", 0.1)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nevent: caught_up\n\n")
        await reader.read()  # until it leaves
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server, Bystander(server.sockets[0].getsockname()[1], "quiet", wire) as bystander:
        await wait_until(lambda: bystander.fault, "silence was not noticed")
        with pytest.raises(AssertionError, match="a heartbeat was due"):
            bystander.is_well()
