"""Parts of a whole: what is said in pieces, until one event says it all; over every log."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import InvalidParameter, LogUnavailable
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory import topic as in_memory
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis import append as in_redis
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.new_event import NewEvent, new_event
from streamer.events.page import Gap
from support.listening import RecordingListener
from support.reading import gaps_of, ids_of, items_of, read_all
from support.servers import FakeClock, OpenLog, Server

CHAT: Final = "chats/42"
OTHER: Final = "chats/7"


def part(name: str = "a", topics: tuple[str, ...] = (CHAT,)) -> NewEvent:
    return new_event(topics, "ai_chunk", {"chunk": "la "}, part_of=name)


def whole(name: str = "a", topics: tuple[str, ...] = (CHAT,)) -> NewEvent:
    return new_event(topics, "ai_complete", {"message": "la la "}, whole_of=name)


def message() -> NewEvent:
    return new_event(CHAT, "message", {"message": "hello"})


async def append(log: EventLog, *events: NewEvent) -> list[Cursor]:
    ids = await log.append_all(events)
    return [id_ for id_ in ids if id_ is not None]


async def kept(log: EventLog, after: Cursor = ORIGIN, *topics: str) -> list[Cursor]:
    """The ids after a cursor, of which nothing may be lost."""
    items = await read_all(log, topics or (CHAT,), after, 3)
    assert gaps_of(items) == []
    return ids_of(items)


async def test_parts_are_read_among_the_events_in_order(log: EventLog) -> None:
    ids = await append(log, message(), part(), message(), part("b"), part(), message())
    assert await kept(log) == ids
    for at, id_ in enumerate(ids):
        assert await kept(log, id_) == ids[at + 1 :]


async def test_the_whole_removes_its_parts_and_leaves_no_gap(log: EventLog) -> None:
    """Wherever a reader stands: before, within, or behind them."""
    ids = await append(log, message(), part(), message(), part(), part(), message())
    [last] = await append(log, whole())
    left = [ids[0], ids[2], ids[5], last]
    assert await kept(log) == left
    for id_ in ids:
        assert await kept(log, id_) == [other for other in left if other > id_]


async def test_parts_of_others_stay(log: EventLog) -> None:
    mine = await append(log, part("a"), part("b"), part("a"))
    [last] = await append(log, whole("a"))
    assert await kept(log) == [mine[1], last]
    [end] = await append(log, whole("b"))
    assert await kept(log) == [last, end]


async def test_the_parts_go_where_the_whole_goes(log: EventLog) -> None:
    both = await append(log, part("a", (CHAT, OTHER)), part("a", (CHAT, OTHER)))
    [last] = await append(log, whole("a"))
    assert await kept(log) == [last]
    assert await kept(log, ORIGIN, OTHER) == both
    assert await kept(log, ORIGIN, CHAT, OTHER) == [*both, last]


async def test_parts_and_their_whole_in_one_batch(log: EventLog) -> None:
    ids = await append(log, part(), part(), whole(), part())
    assert await kept(log) == ids[2:]


async def test_a_part_may_replace_those_before_it(log: EventLog) -> None:
    """As what begins anew voids what was said."""
    anew = new_event(CHAT, "ai_reset", {}, part_of="a", whole_of="a")
    ids = await append(log, part(), part(), anew, part())
    assert await kept(log) == ids[2:]
    assert await kept(log, ids[0]) == ids[2:]
    [last] = await append(log, whole())
    assert await kept(log, ids[0]) == [last]


async def test_a_whole_without_parts_is_an_event_as_any_other(log: EventLog) -> None:
    ids = await append(log, whole(), message(), whole())
    assert await kept(log) == ids


async def test_a_whole_that_was_there_before_removes_nothing(log: EventLog) -> None:
    """It is not appended: a publisher asks again."""
    end = new_event(CHAT, "ai_complete", {}, whole_of="a", idempotency_key="end")
    [first] = await append(log, end)
    [late] = await append(log, part())
    assert await append(log, end) == [first]
    assert await kept(log) == [first, late]


async def test_parts_push_nothing_out_and_are_no_part_of_the_length(open_log: OpenLog) -> None:
    log = open_log(RetentionPolicy(Retention(max_length=2)))
    said = await append(log, message(), message())
    parts = await append(log, *[part()] * 10)
    assert await kept(log) == [*said, *parts]
    [last] = await append(log, whole())
    items = await read_all(log, (CHAT,), said[0], 100)
    assert (gaps_of(items), ids_of(items)) == ([], [said[1], last])


async def test_a_gap_is_reported_if_anything_else_was_removed(open_log: OpenLog) -> None:
    """The whole itself, or what was said between the parts."""
    log = open_log(RetentionPolicy(Retention(max_length=2)))
    ids = await append(log, message(), part(), part(), whole(), message())
    assert await kept(log, ids[1]) == ids[3:]
    await append(log, message())
    gap = Gap(CHAT, ids[1], ids[3], "trimmed")
    assert gaps_of(await read_all(log, (CHAT,), ids[1])) == [gap]


async def test_parts_never_count_as_unread(log: EventLog) -> None:
    typed = new_event(CHAT, "message", {}, part_of="a")
    ids = await append(log, message(), typed, message(), typed)
    for at, unread in enumerate((1, 1, 0, 0)):
        state, _ = await log.reader_cursors.move(CHAT, f"user-{at}", ids[at])
        assert state.unread == unread
    await append(log, new_event(CHAT, "message", {}, whole_of="a"))
    for at, unread in enumerate((2, 2, 1, 1)):
        states = (await log.reader_cursors.states((CHAT,), f"user-{at}")).states
        assert states[CHAT].unread == unread


async def test_who_reads_back_is_given_no_parts(log: EventLog) -> None:
    ids = await append(log, message(), part(), message(), part())
    back = await log.read_back((CHAT,), None, 10)
    assert ([event.id for event in back.events], back.more) == ([ids[2], ids[0]], False)


async def test_a_page_ends_where_all_of_it_is_known(log: EventLog) -> None:
    """Of the events or of the parts, whichever there are more of before the other's end."""
    ids = await append(log, *[message()] * 5, *[part()] * 9, message(), *[part()] * 3)
    for limit in range(1, 20):
        assert ids_of(await read_all(log, (CHAT,), ORIGIN, limit)) == ids


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many parts are kept of a topic."""
    for module in (in_redis, in_memory):
        monkeypatch.setattr(module, "MAX_PARTS", 2)
    return 2


@pytest.mark.usefixtures("most")
async def test_more_parts_than_are_kept_are_ordinary_events(log: EventLog) -> None:
    """They stay when the whole comes; nothing is lost."""
    ids = await append(log, part(), part("b"), part(), part("b"))
    assert await kept(log) == ids
    [last] = await append(log, whole())
    assert await kept(log) == [*ids[1:], last]
    [again] = await append(log, part())
    assert await kept(log) == [*ids[1:], last, again]


async def test_a_thousand_parts_are_removed_at_once(log: EventLog) -> None:
    ids = await append(log, *[part()] * 1500, part("b"), *[part()] * 1500)
    [last] = await append(log, whole())
    assert await kept(log, ids[1]) == [ids[1500], last]


async def test_parts_are_notified_as_they_come(log: EventLog) -> None:
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe([CHAT])
    ids = await append(log, part(), part(), whole())
    await listener.heard(ids[-1])
    assert listener.ids == ids


@pytest.mark.parametrize(
    ("event_type", "options", "wrong"),
    [
        ("ai_chunk", {"part_of": ""}, "has 0 characters"),
        ("ai_chunk", {"whole_of": "x" * 256}, "has 256 characters"),
        ("ai_chunk", {"part_of": "a", "ephemeral": True}, "an ephemeral event"),
        ("ai_chunk", {"part_of": "a", "whole_of": "b"}, "or of none"),
        ("progress", {"part_of": "a"}, "type 'progress'"),
    ],
)
def test_what_cannot_be_a_part_is_refused(
    event_type: str, options: dict[str, object], wrong: str
) -> None:
    with pytest.raises(InvalidParameter, match=wrong):
        new_event(CHAT, event_type, {"progress": 0.5, "task_name": "t"}, **options)  # type: ignore[arg-type]


# What a Redis may do to keys


@pytest.fixture
def keys(prefix: str) -> Keys:
    return Keys(prefix)


async def test_parts_that_were_evicted_are_a_gap(redis_server: Server, keys: Keys) -> None:
    """Until their whole is there, somebody has lost them."""
    log = RedisEventLog(redis_server.url, prefix=keys.clock[1:].partition("}")[0])
    ids = await append(log, message(), part(), part())
    with redis_server.client() as client:
        client.delete(keys.parts(CHAT))
    gap = Gap(CHAT, ids[0], ids[2], "expired")
    assert gaps_of(await read_all(log, (CHAT,), ids[0])) == [gap]
    [late] = await append(log, part())
    assert items_of(await log.read((CHAT,), ids[0], 9))[0] == gap
    assert ids_of(await read_all(log, (CHAT,), ids[0])) == [late]
    await log.close()


async def test_parts_whose_topic_is_forgotten_are_found(redis_server: Server, keys: Keys) -> None:
    log = RedisEventLog(redis_server.url, prefix=keys.clock[1:].partition("}")[0])
    ids = await append(log, message(), part(), part())
    with redis_server.client() as client:
        client.delete(keys.meta(CHAT))
    assert ids_of(await read_all(log, (CHAT,), ORIGIN)) == ids
    [last] = await append(log, whole())
    assert ids_of(await read_all(log, (CHAT,), ORIGIN)) == [ids[0], last]
    await log.close()


async def test_parts_expire_with_their_topic(redis_server: Server, keys: Keys) -> None:
    log = RedisEventLog(redis_server.url, prefix=keys.clock[1:].partition("}")[0])
    await append(log, part())
    with redis_server.client() as client:
        alone = client.pexpiretime(keys.parts(CHAT))
        assert alone > 0
        await append(log, message(), part("b"))
        assert client.pexpiretime(keys.parts(CHAT)) == client.pexpiretime(keys.stream(CHAT))
        await append(log, message(), part("b"))
        assert client.pexpiretime(keys.parts(CHAT)) == client.pexpiretime(keys.stream(CHAT))
    await log.close()


async def test_in_memory_parts_expire_with_their_topic() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock, retention=RetentionPolicy(Retention(9, 10.0)))
    ids = await append(log, message(), part())
    clock.advance(10_000)
    items = await read_all(log, (CHAT,), ids[0])
    assert items == [Gap(CHAT, ids[0], ids[1], "expired")]


async def test_a_key_of_somebody_else_is_said_and_changes_nothing(
    redis_server: Server, keys: Keys
) -> None:
    log = RedisEventLog(redis_server.url, prefix=keys.clock[1:].partition("}")[0])
    [id_] = await append(log, message())
    with redis_server.client() as client:
        client.set(keys.parts(CHAT), "somebody else's")
        for event in (part(), whole()):
            with pytest.raises(LogUnavailable):
                await log.append(event)
        client.delete(keys.parts(CHAT))
    assert await kept(log) == [id_]
    await log.close()


async def test_nothing_is_left_of_parts_but_an_empty_key(redis_server: Server, keys: Keys) -> None:
    log = RedisEventLog(redis_server.url, prefix=keys.clock[1:].partition("}")[0])
    await append(log, *[part()] * 500, whole())
    with redis_server.client() as client:
        assert client.xlen(keys.parts(CHAT)) == 0
        assert client.memory_usage(keys.parts(CHAT)) < 1000
    await log.close()


# The model

KEPT: Final = 4
TOPICS: Final = (CHAT, OTHER)
NAMES: Final = ("a", "b", "c")
#: Which events of a batch: of which topics, and what they have to do with which whole.
events = st.tuples(
    st.lists(st.sampled_from(TOPICS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["event", "part", "part", "whole", "both"]),
    st.sampled_from(NAMES),
)
publish = st.tuples(st.just("publish"), st.lists(events, min_size=1, max_size=6))
read = st.tuples(
    st.just("read"),
    st.tuples(
        st.lists(st.sampled_from(TOPICS), min_size=1, max_size=2, unique=True),
        st.integers(0, 60),
        st.integers(1, 5),
    ),
)
restart = st.tuples(st.just("restart"), st.none())
Steps = list[tuple[str, object]]


class Model:
    """The log as plain lists: events, parts with their names, and what was trimmed."""

    def __init__(self, head: Cursor) -> None:
        self.ids = [head]
        self.events: dict[str, list[Cursor]] = {topic: [] for topic in TOPICS}
        self.parts: dict[str, list[tuple[Cursor, str]]] = {topic: [] for topic in TOPICS}
        self.lost: dict[str, list[Cursor]] = {topic: [] for topic in TOPICS}

    def append(self, id_: Cursor, topics: list[str], kind: str, name: str) -> None:
        assert id_ > self.ids[-1]
        self.ids.append(id_)
        for topic in topics:
            if kind in ("whole", "both"):
                self.parts[topic] = [part for part in self.parts[topic] if part[1] != name]
            if kind in ("part", "both"):
                self.parts[topic].append((id_, name))
            else:
                self.events[topic].append(id_)

    def trim(self) -> None:
        for topic, ids in self.events.items():
            self.lost[topic] += ids[:-KEPT]
            del ids[:-KEPT]

    def check(self, topics: list[str], after: Cursor, items: list[Event | Gap]) -> None:
        left = {id_ for topic in topics for id_ in self.events[topic]}
        left |= {id_ for topic in topics for id_, _ in self.parts[topic]}
        assert ids_of(items) == sorted(id_ for id_ in left if id_ > after)
        for topic in topics:
            told = [gap for gap in gaps_of(items) if gap.topic == topic]
            lost = [id_ for id_ in self.lost[topic] if id_ > after and id_ not in left]
            last = max(self.lost[topic], default=ORIGIN)
            # What a part says that is kept, was not lost: a page may end with it.
            assert all(gap.until <= last for gap in told)
            if last <= after:
                assert told == []
            if after != ORIGIN:
                for id_ in lost:
                    assert any(gap.after < id_ <= gap.until for gap in told)


def made(topics: list[str], kind: str, name: str) -> NewEvent:
    return new_event(
        topics,
        "tick",
        {},
        part_of=name if kind in ("part", "both") else None,
        whole_of=name if kind in ("whole", "both") else None,
    )


async def play(log: EventLog, steps: Steps, reopen: Callable[[], EventLog] | None = None) -> None:
    model = Model(await log.head())
    for kind, what in steps:
        match kind, what:
            case "publish", list(batch):
                ids = await log.append_all([made(*event) for event in batch])
                for id_, event in zip(ids, batch, strict=True):
                    assert id_ is not None
                    model.append(id_, *event)
                model.trim()
            case "read", (list(topics), int(index), int(limit)):
                after = model.ids[index % len(model.ids)] if index else ORIGIN
                model.check(topics, after, await read_all(log, topics, after, limit))
            case "restart", None:
                assert reopen is not None
                await log.close()
                log = reopen()
    await log.close()


@given(st.lists(publish | read, max_size=30))
@settings(max_examples=300, deadline=None)
def test_in_memory_it_is_as_the_model_says(steps: Steps) -> None:
    retention = RetentionPolicy(Retention(KEPT))
    asyncio.run(play(MemoryEventLog(clock=FakeClock(), retention=retention), steps))


@given(steps=st.lists(publish | read | restart, min_size=5, max_size=25))
@settings(
    max_examples=60,
    deadline=None,
    # The server is the session's; each example has a prefix of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_redis_it_is_as_the_model_says(redis_server: Server, steps: Steps) -> None:
    """Also by a process that knows nothing of the one before it."""
    prefix = f"test-{secrets.token_hex(6)}"

    def reopen() -> RedisEventLog:
        retention = RetentionPolicy(Retention(KEPT))
        return RedisEventLog(redis_server.url, prefix=prefix, retention=retention)

    async def run() -> None:
        await play(reopen(), steps, reopen)

    asyncio.run(run())
