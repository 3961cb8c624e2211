"""What is said to all is handed to a few feeds in each turn of the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.new_event import new_event
from streamer.hub.attach import Attach
from streamer.hub.feed import Feed
from streamer.hub.feed_registry import FEED_COST
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from streamer.hub.reader import Reader
from support.servers import FakeClock
from support.turning import TurningLoop
from support.writers import FakeWriter

#: Feeds, each with one reader of its own topic and of what is said to all.
FEEDS = 60
LAST = FEEDS - 1
#: Of them, how many a turn serves.
TURN = 3


class Inboxes:
    """A hub with a reader of each inbox, of which a turn of the loop serves three."""

    def __init__(self) -> None:
        self.loop = TurningLoop()
        self.log = MemoryEventLog(clock=FakeClock())
        limits = HubLimits(turn_readers=TURN * (FEED_COST + 1))
        self.hub = Hub(self.log, HubOptions(limits=limits))
        self.loop.inside(self.hub.start)
        self.writers = [FakeWriter() for _ in range(FEEDS)]
        self.readers = [self.come(i, writer) for i, writer in enumerate(self.writers)]
        self.take()

    def come(self, number: int, writer: FakeWriter) -> Reader:
        topics = ("all", f"inboxes/{number}")
        return self.loop.run(self.hub.attach(Attach(topics), writer))

    def publish(self, topic: str, text: str, *, ephemeral: bool = False) -> None:
        """Publish, and return as soon as the first feeds have it."""
        event = new_event([topic], "note", {"text": text}, ephemeral=ephemeral)
        self.loop.run(self.log.append(event))
        while not any(text in words for words in self.said()):
            self.loop.turn()

    def take(self) -> None:
        for writer in self.writers:
            writer.take()

    def said(self) -> list[list[str]]:
        """What each inbox was told."""
        self.take()
        return [[f["text"] for f in writer.taken if f["type"] == "note"] for writer in self.writers]

    def settle(self) -> list[list[str]]:
        self.loop.turn(FEEDS)
        return self.said()


@pytest.fixture
def inboxes() -> Iterator[Inboxes]:
    made = Inboxes()
    yield made
    made.loop.run(made.hub.close())
    made.loop.finish()


def test_a_turn_serves_some_feeds_and_the_next_turns_the_others(inboxes: Inboxes) -> None:
    told = [0]

    def count() -> None:
        told.append(sum(map(bool, inboxes.said())))
        if told[-1] < FEEDS:
            inboxes.loop.call_soon(count)

    inboxes.loop.inside(count)
    inboxes.publish("all", "hello")
    assert inboxes.settle() == [["hello"]] * FEEDS
    assert {more - less for less, more in pairwise(told)} == {0, TURN}


def test_a_feed_that_waits_for_nothing_is_not_behind_those_that_do(inboxes: Inboxes) -> None:
    inboxes.publish("all", "hello")
    inboxes.publish("inboxes/0", "you")
    said = inboxes.said()
    assert said[0] == ["hello", "you"]
    assert said[LAST] == []
    assert inboxes.settle()[LAST] == ["hello"]


def test_what_follows_while_a_feed_waits_is_told_after_it_in_the_same_write(
    inboxes: Inboxes,
) -> None:
    inboxes.publish("all", "hello")
    writes = len(inboxes.writers[LAST].writes)
    inboxes.publish(f"inboxes/{LAST}", "you")
    assert inboxes.settle()[LAST] == ["hello", "you"]
    assert len(inboxes.writers[LAST].writes) == writes + 1


@pytest.mark.parametrize("asks", ["open", "peek"])
def test_whoever_asks_for_a_feed_that_waits_finds_it_served(inboxes: Inboxes, asks: str) -> None:
    """It may have seen elsewhere what the feed waits for."""
    inboxes.publish("all", "hello")
    seen = inboxes.readers[0].cursor
    feeds = inboxes.hub._feeds
    topics = ("all", f"inboxes/{LAST}")

    async def ask() -> Feed | None:
        return await feeds.open(topics) if asks == "open" else feeds.peek(topics)

    feed = inboxes.loop.run_until_complete(ask())
    assert feed is not None
    assert feed.tail.head == seen
    assert inboxes.said()[LAST] == ["hello"]
    assert inboxes.said()[LAST - 1] == []


def test_one_that_leaves_a_feed_that_waits_is_told_what_is_kept_nowhere(inboxes: Inboxes) -> None:
    inboxes.publish("all", "hello", ephemeral=True)
    reader = inboxes.readers[LAST]
    topics = ("all", "inboxes/0")
    reply = inboxes.hub.reconnect_control()
    inboxes.loop.run(inboxes.hub.change_topics(reader, topics, None, reply))
    assert inboxes.settle() == [["hello"]] * FEEDS


def test_a_log_that_is_heard_again_finds_nobody_waiting(inboxes: Inboxes) -> None:
    inboxes.publish("all", "hello")
    inboxes.loop.inside(inboxes.hub._feeds.resumed)
    assert inboxes.said() == [["hello"]] * FEEDS
    inboxes.publish("all", "again")
    assert inboxes.settle() == [["hello", "again"]] * FEEDS


def test_the_hub_may_close_while_feeds_wait(inboxes: Inboxes) -> None:
    inboxes.publish("all", "hello")
    inboxes.loop.run(inboxes.hub.close())
    inboxes.loop.turn(FEEDS)
    assert not inboxes.loop.faults
