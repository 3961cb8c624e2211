"""The newest events before one; over every log."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.servers import FakeClock, OpenLog, Server

CHAT: Final = "chats/42"


async def say(log: EventLog, count: int, *topics: str, text: str = "") -> list[Cursor]:
    event = new_event(topics or CHAT, "message", {"text": text})
    ids = await log.append_all([event] * count)
    return [id_ for id_ in ids if id_ is not None]


async def back(
    log: EventLog, topics: list[str], before: Cursor | None, limit: int
) -> tuple[list[Cursor | None], bool]:
    page = await log.read_back(topics, before, limit)
    return [event.id for event in page.events], page.more


async def test_the_newest_come_first_and_it_goes_on_before_the_last(log: EventLog) -> None:
    ids = await say(log, 50)
    assert await back(log, [CHAT], None, 20) == (ids[:29:-1], True)
    assert await back(log, [CHAT], ids[30], 30) == (ids[29::-1], False)
    assert await back(log, [CHAT], ids[0], 30) == ([], False)


async def test_a_page_is_the_same_while_new_ones_come(log: EventLog) -> None:
    ids = await say(log, 5)
    page = await back(log, [CHAT], ids[4], 3)
    await say(log, 5)
    assert await back(log, [CHAT], ids[4], 3) == page == (ids[3:0:-1], True)


async def test_of_several_topics_each_event_comes_once_in_one_order(log: EventLog) -> None:
    one, both, other = await say(log, 1, "a"), await say(log, 2, "a", "b"), await say(log, 1, "b")
    assert await back(log, ["a", "b"], None, 10) == ([*other, *reversed(both), *one], False)
    assert await back(log, ["a", "b", "a"], None, 2) == ([*other, both[1]], True)


async def test_a_page_of_large_events_is_short_and_there_is_more(log: EventLog) -> None:
    ids = await say(log, 8, text="x" * 50_000)
    found, more = await back(log, [CHAT], None, 100)
    assert 1 <= len(found) < 8
    assert (found, more) == (ids[: -len(found) - 1 : -1], True)


async def test_what_was_removed_or_never_was_is_not_there(open_log: OpenLog) -> None:
    log = open_log(RetentionPolicy(Retention(max_length=2)))
    ids = await say(log, 4)
    assert await back(log, [CHAT], None, 10) == (ids[:1:-1], False)
    assert await back(log, ["chats/7"], None, 10) == ([], False)


# The model

TOPICS: Final = ("a", "b", "c")
published = st.lists(st.lists(st.sampled_from(TOPICS), min_size=1, unique=True), max_size=40)
asked = st.lists(
    st.tuples(
        st.lists(st.sampled_from(TOPICS), min_size=1, unique=True),
        st.integers(0, 40),
        st.integers(1, 12),
    ),
    max_size=8,
)


async def play(
    log: EventLog, events: list[list[str]], questions: list[tuple[list[str], int, int]]
) -> None:
    ids = [(await say(log, 1, *topics))[0] for topics in events]
    for topics, place, limit in questions:
        before = ids[place % len(ids)] if ids and place else None
        wanted = [
            id_
            for id_, of in zip(ids, events, strict=True)
            if not {*topics}.isdisjoint(of) and (before is None or id_ < before)
        ]
        assert await back(log, topics, before, limit) == (
            wanted[::-1][:limit],
            len(wanted) > limit,
        )


@given(published, asked)
@settings(max_examples=150, deadline=None)
def test_in_memory_it_is_what_the_model_says(
    events: list[list[str]], questions: list[tuple[list[str], int, int]]
) -> None:
    asyncio.run(play(MemoryEventLog(clock=FakeClock()), events, questions))


@given(events=published, questions=asked)
@settings(
    max_examples=30,
    deadline=None,
    # The server is the session's; each example has a prefix of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_redis_it_is_what_the_model_says(
    redis_server: Server, events: list[list[str]], questions: list[tuple[list[str], int, int]]
) -> None:
    async def run() -> None:
        log = RedisEventLog(redis_server.url, prefix=f"test-{secrets.token_hex(6)}")
        await play(log, events, questions)
        await log.close()

    asyncio.run(run())
