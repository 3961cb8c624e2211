"""How far each subject has read each topic; over every log."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import InvalidCursor, LogUnavailable, TooManyReaders
from streamer.eventlog import reader_cursors
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory import reader_cursors as in_memory
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis import reader_cursors as in_redis
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.reading import ReadState
from support.servers import FakeClock, OpenLog, Server
from support.unread_model import UnreadModel

CHAT: Final = "chats/42"


async def say(log: EventLog, count: int = 1, topic: str = CHAT) -> list[Cursor]:
    """Publish messages, which count; return their ids."""
    ids = await log.append_all([new_event(topic, "message", {"n": n}) for n in range(count)])
    return [id_ for id_ in ids if id_ is not None]


async def state_of(log: EventLog, subject: str, topic: str = CHAT) -> ReadState:
    return (await log.reader_cursors.states((topic,), subject)).states[topic]


async def test_all_that_counts_is_unread_by_who_never_said(log: EventLog) -> None:
    await say(log, 3)
    assert await state_of(log, "ada") == ReadState(None, 3)


async def test_what_is_up_to_the_cursor_is_read(log: EventLog) -> None:
    ids = await say(log, 5)
    state, is_moved = await log.reader_cursors.move(CHAT, "ada", ids[2])
    assert (state, is_moved) == (ReadState(ids[2], 2), True)
    assert await state_of(log, "ada") == state


async def test_a_cursor_moves_forward_alone(log: EventLog) -> None:
    """Whichever of two devices comes late, and whether it says the same twice."""
    ids = await say(log, 3)
    await log.reader_cursors.move(CHAT, "ada", ids[1])
    for late in (ids[0], ids[1]):
        assert await log.reader_cursors.move(CHAT, "ada", late) == (ReadState(ids[1], 1), False)


async def test_each_subject_and_topic_has_its_own(log: EventLog) -> None:
    mine, other = await say(log, 2), await say(log, 2, "chats/7")
    await log.reader_cursors.move(CHAT, "ada", mine[-1])
    await log.reader_cursors.move("chats/7", "bob", other[0])
    reading = await log.reader_cursors.states((CHAT, "chats/7"), "ada")
    assert reading.states == {CHAT: ReadState(mine[-1], 0), "chats/7": ReadState(None, 2)}


async def test_types_that_do_not_count_are_not_unread(log: EventLog) -> None:
    """Before, between and after those that do."""
    typed = new_event(CHAT, "typed", {})
    await log.append(typed)
    first = await say(log)
    await log.append(typed)
    last = await say(log)
    between = await log.append(typed)
    assert between is not None
    assert await state_of(log, "ada") == ReadState(None, 2)
    assert (await log.reader_cursors.move(CHAT, "ada", first[0]))[0].unread == 1
    assert (await log.reader_cursors.move(CHAT, "ada", last[0]))[0].unread == 0
    assert (await log.reader_cursors.move(CHAT, "ada", between))[0].unread == 0


async def test_nothing_is_counted_where_no_type_counts(log: EventLog) -> None:
    [id_] = await say(log, topic="projects/p")
    state, is_moved = await log.reader_cursors.move("projects/p", "ada", id_)
    assert (state, is_moved) == (ReadState(id_, None), True)


async def test_a_cursor_may_stand_between_two_events(log: EventLog) -> None:
    """As the position of a connection does."""
    await say(log, 2)
    await say(log, 1, "chats/7")
    position = await log.head()
    await say(log, 3)
    assert (await log.reader_cursors.move(CHAT, "ada", position))[0].unread == 3


async def test_an_event_of_several_topics_counts_where_it_does(log: EventLog) -> None:
    await log.append(new_event((CHAT, "projects/p", "users/7"), "message", {}))
    reading = await log.reader_cursors.states((CHAT, "projects/p", "users/7"), "ada")
    assert [state.unread for state in reading.states.values()] == [1, None, 1]


async def test_an_ephemeral_event_and_a_repeated_one_do_not_count(log: EventLog) -> None:
    await log.append(new_event(CHAT, "message", {}, ephemeral=True))
    for _ in range(2):
        await log.append(new_event(CHAT, "message", {}, idempotency_key="once"))
    assert (await state_of(log, "ada")).unread == 1


async def test_what_was_removed_is_not_unread(open_log: OpenLog) -> None:
    """A number that says more than can be read is of no use to anybody."""
    log = open_log(RetentionPolicy(Retention(max_length=3)))
    ids = await say(log, 2)
    await log.reader_cursors.move(CHAT, "ada", ids[0])
    await say(log, 5)
    assert await state_of(log, "ada") == ReadState(ids[0], 3)
    assert await state_of(log, "bob") == ReadState(None, 3)


async def test_nobody_has_read_what_is_ahead_of_the_log(log: EventLog) -> None:
    [id_] = await say(log)
    ahead = Cursor(id_.ms + 3_600_000, 0)
    with pytest.raises(InvalidCursor, match="ahead of the log"):
        await log.reader_cursors.move(CHAT, "ada", ahead)
    assert await state_of(log, "ada") == ReadState(None, 1)


async def test_the_position_is_that_of_the_count(log: EventLog) -> None:
    """So that whoever counts on from there is right."""
    ids = await say(log, 2)
    reading = await log.reader_cursors.states((CHAT,), "ada")
    assert reading.counted_to >= ids[-1]
    assert reading.states[CHAT].unread == 2
    [later] = await say(log)
    assert later > reading.counted_to


async def test_who_moved_last_is_listed(log: EventLog) -> None:
    ids = await say(log, 2)
    assert await log.reader_cursors.readers(CHAT) == {}
    await log.reader_cursors.move(CHAT, "ada", ids[0])
    await log.reader_cursors.move(CHAT, "bob", ids[1])
    assert await log.reader_cursors.readers(CHAT) == {"ada": ids[0], "bob": ids[1]}


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many readers are kept of a topic."""
    for module in (in_redis, in_memory):
        monkeypatch.setattr(module, "MAX_READERS", 2)
    return 2


async def fill(log: EventLog, id_: Cursor) -> None:
    await log.reader_cursors.move(CHAT, "ada", id_)
    await log.reader_cursors.move(CHAT, "bob", id_)


@pytest.mark.usefixtures("most")
async def test_so_many_readers_are_kept_of_a_topic(log: EventLog) -> None:
    """Those that have a cursor go on to move it."""
    ids = await say(log, 2)
    await fill(log, ids[0])
    with pytest.raises(TooManyReaders, match="2 readers"):
        await log.reader_cursors.move(CHAT, "cem", ids[0])
    assert (await log.reader_cursors.move(CHAT, "ada", ids[1]))[1]
    assert set(await log.reader_cursors.readers(CHAT)) == {"ada", "bob"}


@pytest.mark.usefixtures("most")
async def test_in_redis_who_has_not_moved_for_long_makes_room(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    ids = await say(log)
    await fill(log, ids[0])
    with redis_server.client() as client:
        client.zadd(Keys(prefix).moved(CHAT), {"ada": 1})
    assert (await log.reader_cursors.move(CHAT, "cem", ids[0]))[1]
    assert set(await log.reader_cursors.readers(CHAT)) == {"bob", "cem"}
    await log.close()


@pytest.mark.usefixtures("most")
async def test_in_memory_who_has_not_moved_for_long_makes_room() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    [id_] = await say(log)
    await log.reader_cursors.move(CHAT, "ada", id_)
    clock.advance(reader_cursors.CURSOR_TTL // 2)
    await log.reader_cursors.move(CHAT, "bob", id_)
    clock.advance(reader_cursors.CURSOR_TTL // 2)
    assert (await log.reader_cursors.move(CHAT, "cem", id_))[1]
    assert set(await log.reader_cursors.readers(CHAT)) == {"bob", "cem"}


async def test_a_key_of_somebody_else_is_said_and_changes_nothing(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    ids = await say(log)
    for key in (Keys(prefix).cursors(CHAT), Keys(prefix).moved(CHAT)):
        with redis_server.client() as client:
            client.set(key, "somebody else's")
            with pytest.raises(LogUnavailable):
                await log.reader_cursors.move(CHAT, "ada", ids[0])
            client.delete(key)
    assert await state_of(log, "ada") == ReadState(None, 1)
    await log.close()


# The model

KEPT: Final = 4
TOPICS: Final = ("chats/a", "chats/b")
SUBJECTS: Final = ("ada", "bob", "cem")

publish = st.tuples(
    st.just("publish"),
    st.lists(st.tuples(st.sampled_from(TOPICS), st.sampled_from(["message", "typed"])), max_size=5),
)
mark = st.tuples(
    st.just("mark"),
    st.tuples(st.sampled_from(TOPICS), st.sampled_from(SUBJECTS), st.integers(0, 40)),
)
#: The process that is asked next goes, and another begins; or Redis does, by a crash.
restart = st.tuples(st.just("restart"), st.sampled_from(["process", "redis"]))
Steps = list[tuple[str, object]]
Restart = Callable[[str], Awaitable[None]]


async def play(logs: Sequence[EventLog], steps: Steps, restarted: Restart | None = None) -> None:
    """Publish and mark, and compare what is unread with the events themselves.

    Each step is taken through the next of `logs`, the processes of one log; an event has a
    key, by which one that is retried is appended once.
    """
    model = UnreadModel(TOPICS, KEPT)
    for number, step in enumerate(steps):
        log = logs[number % len(logs)]
        match step:
            case "publish", list(batch):
                events = [
                    new_event(topic, kind, {}, idempotency_key=f"{number}-{n}")
                    for n, (topic, kind) in enumerate(batch)
                ]
                ids = await log.append_all(events)
                for id_, (topic, kind) in zip(ids, batch, strict=True):
                    assert id_ is not None
                    model.published(topic, id_, counts=kind == "message")
            case "mark", (str(topic), str(subject), int(index)) if model.ids:
                # Of another topic, or removed long ago: any position of the log will do.
                to = model.ids[index % len(model.ids)]
                _, is_moved = await log.reader_cursors.move(topic, subject, to)
                assert is_moved == model.marked(topic, subject, to)
            case "restart", str(what) if restarted is not None:
                await restarted(what)
        for subject in SUBJECTS:
            for each in logs:
                reading = await each.reader_cursors.states(TOPICS, subject)
                assert reading.states == {topic: model.state(topic, subject) for topic in TOPICS}


@given(st.lists(publish | mark, max_size=30))
@settings(max_examples=200, deadline=None)
def test_in_memory_what_is_unread_is_what_the_model_says(steps: Steps) -> None:
    retention = RetentionPolicy(Retention(KEPT))
    asyncio.run(play([MemoryEventLog(clock=FakeClock(), retention=retention)], steps))


async def play_over_redis(server: Server, steps: Steps) -> None:
    """By two processes with a connection each; one that restarts knows nothing of before."""
    prefix = f"test-{secrets.token_hex(6)}"

    def begin() -> EventLog:
        retention = RetentionPolicy(Retention(KEPT))
        return RedisEventLog(server.url, prefix=prefix, retention=retention)

    async def restarted(what: str) -> None:
        if what == "redis":
            server.kill()
            server.start()
        else:
            await logs.pop(0).close()
            logs.append(begin())

    logs = [begin(), begin()]
    await play(logs, steps, restarted)
    for log in logs:
        await log.close()


# The server is the test's; each example has a prefix of its own.
_SHARED: Final = [HealthCheck.function_scoped_fixture]


@given(steps=st.lists(publish | mark, min_size=5, max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=_SHARED)
def test_in_redis_what_is_unread_is_what_the_model_says(redis_server: Server, steps: Steps) -> None:
    asyncio.run(play_over_redis(redis_server, steps))


@given(steps=st.lists(publish | mark | restart, min_size=10, max_size=25))
@settings(max_examples=15, deadline=None, suppress_health_check=_SHARED)
def test_what_is_unread_survives_crashes_of_redis_and_of_processes(
    own_server: Server, steps: Steps
) -> None:
    """Of a Redis whose append-only file is on."""
    asyncio.run(play_over_redis(own_server, steps))
