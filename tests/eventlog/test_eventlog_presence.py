"""Who is there in a conversation; over every log."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogUnavailable, TooManyMembers
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory import presence as in_memory
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.presence import Member
from streamer.eventlog.redis import presence as in_redis
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from streamer.events.snapshot import Snapshot
from support.listening import RecordingListener
from support.servers import FakeClock, OpenLog, Server
from support.waiting import wait_until

CHAT: Final = "chats/42"
#: Seconds: long against any test, and soon over.
LONG: Final = 60.0
SHORT: Final = 0.3


def member(connection: str, user: str = "7", name: str = "Ada", topic: str = CHAT) -> Member:
    return Member(topic, connection, user, name)


async def present(log: EventLog, topic: str = CHAT) -> dict[str, str] | None:
    return (await log.snapshots([topic]))[topic].present


async def told(log: EventLog, topic: str = CHAT) -> list[tuple[str, str, str]]:
    """What was told of who came and left."""
    page = await log.read([topic], ORIGIN, 1000)
    fields = [(event.type, msgspec.json.decode(event.fields)) for event in page.events]
    return [(k, said["user"], said["username"]) for k, said in fields if "user" in said]


async def test_a_user_comes_with_the_first_connection_and_leaves_with_the_last(
    log: EventLog,
) -> None:
    first, second = member("a"), member("b", name="Ada, on her phone")
    joined = await log.presence.enter(first, LONG)
    assert joined is not None
    assert await log.presence.enter(second, LONG) is None
    assert await log.presence.leave(first) is None
    assert await present(log) == {"7": "Ada"}
    left = await log.presence.leave(second)
    assert left is not None
    assert left > joined
    assert await present(log) == {}
    assert await told(log) == [("user_leave", "7", "Ada")]


async def test_each_conversation_and_user_is_by_itself(log: EventLog) -> None:
    await log.presence.enter(member("a"), LONG)
    await log.presence.enter(member("b", "8", "Bob"), LONG)
    await log.presence.enter(member("a", "8", "Bob", "chats/7"), LONG)
    await log.presence.leave(member("a", "8", "Bob", "chats/7"))
    assert await present(log) == {"7": "Ada", "8": "Bob"}
    assert await told(log, "chats/7") == [("user_leave", "8", "Bob")]


async def test_who_is_there_is_said_of_conversations_alone(log: EventLog) -> None:
    assert await present(log, "projects/p") is None
    assert await present(log) == {}
    shown = (await log.snapshots([CHAT]))[CHAT].to_fields()
    assert shown["present"] == {}


async def test_what_is_done_twice_is_told_once(log: EventLog) -> None:
    """A connection that breaks before its answer tries again."""
    first, other = member("a"), member("b", "8", "Bob")
    await log.presence.enter(other, LONG)
    ids = [await log.presence.enter(first, LONG) for _ in range(2)]
    assert ids[0] is not None
    assert ids[1] is None
    assert [await log.presence.leave(first) is None for _ in range(2)] == [False, True]
    assert await log.presence.leave(member("never")) is None
    assert await present(log) == {"8": "Bob"}


async def test_nobody_makes_another_leave(log: EventLog) -> None:
    await log.presence.enter(member("a"), LONG)
    assert await log.presence.leave(member("a", "8", "Bob")) is None
    assert await present(log) == {"7": "Ada"}


async def test_a_name_may_have_anything_in_it(log: EventLog) -> None:
    odd = member("a", "u:7 n c:\n\"'%\u2028", "  1 Ada\n{}")
    await log.presence.enter(odd, LONG)
    assert await present(log) == {odd.user: odd.username}
    await log.presence.leave(odd)
    assert await present(log) == {}


async def test_who_comes_is_notified(log: EventLog) -> None:
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe([CHAT])
    joined = await log.presence.enter(member("a"), LONG)
    await wait_until(lambda: listener.events, "nothing was notified")
    assert [(event.type, event.id) for event in listener.events] == [("user_join", joined)]


async def test_what_is_told_takes_the_place_of_what_was_told_before(open_log: OpenLog) -> None:
    """Without a gap: whoever comes and goes all the time pushes out nothing that was said."""
    log = open_log(RetentionPolicy(Retention(max_length=4)))
    begin = await log.head()
    said = [await log.append(new_event(CHAT, "message", {"n": n})) for n in range(2)]
    first = await log.head()
    for number in range(5):
        await log.presence.enter(member(f"a{number}"), LONG)
        await log.presence.enter(member(f"b{number}", "8", "Bob"), LONG)
        await log.presence.leave(member(f"a{number}"))
        await log.presence.leave(member(f"b{number}", "8", "Bob"))
    page = await log.read([CHAT], ORIGIN, 10)
    assert [event.id for event in page.events[:2]] == said
    assert await told(log) == [("user_leave", "7", "Ada"), ("user_leave", "8", "Bob")]
    assert (await log.read([CHAT], begin, 10)).gaps == ()
    state = (await log.reader_cursors.states((CHAT,), "ada")).states[CHAT]
    assert state.unread == 2
    await log.append(new_event(CHAT, "message", {"n": 2}))
    assert (await log.read([CHAT], first, 10)).gaps == ()
    assert len((await log.read([CHAT], ORIGIN, 10)).events) == 4


async def test_a_snapshot_and_what_comes_after_it_is_the_whole_truth(log: EventLog) -> None:
    before = (await log.snapshots([CHAT]))[CHAT]
    await log.presence.enter(member("a"), LONG)
    await log.presence.enter(member("b", "8", "Bob"), LONG)
    await log.presence.leave(member("a"))
    for event in (await log.read([CHAT], before.cursor, 10)).events:
        before = before.after(event, CHAT)
    assert before.present == await present(log) == {"8": "Bob"}


async def lapse(log: EventLog) -> list[Member]:
    return await wait_until(lambda: log.presence.lapsed(SHORT), "no connection lapsed")


async def test_a_connection_that_nobody_renews_is_found_until_it_has_left(log: EventLog) -> None:
    """With all that is needed to tell it; one that is renewed is not found."""
    gone, other = member("a", name="Ada B"), member("b", "8", "Bob")
    await log.presence.enter(gone, SHORT)
    await log.presence.enter(other, SHORT)
    await log.presence.renew([other], LONG)
    assert await lapse(log) == [gone]
    assert await log.presence.lapsed(SHORT) == [gone]
    assert await log.presence.leave(other, if_lapsed=True) is None
    assert await log.presence.leave(gone, if_lapsed=True) is not None
    assert await log.presence.lapsed(SHORT) == []
    assert await present(log) == {"8": "Bob"}


async def test_one_that_comes_back_in_time_has_not_left(log: EventLog) -> None:
    """Though it was found to have lapsed."""
    late = member("a")
    await log.presence.enter(late, SHORT)
    assert await lapse(log) == [late]
    assert await log.presence.renew([late], LONG) == []
    assert await log.presence.leave(late, if_lapsed=True) is None
    assert await present(log) == {"7": "Ada"}


async def test_what_is_not_there_cannot_be_renewed_and_is_returned(log: EventLog) -> None:
    here = [member(f"c{n}", f"u{n}", topic=f"chats/{n % 3}") for n in range(7)]
    lost = [member(f"l{n}", f"u{n}", topic=f"chats/{n % 3}") for n in range(5)]
    for one in here:
        await log.presence.enter(one, LONG)
    mixed = [*here[:3], *lost, *here[3:]]
    found = await log.presence.renew(mixed, LONG)
    assert sorted(one.connection for one in found) == [one.connection for one in lost]
    assert await log.presence.renew([], LONG) == []


async def test_so_many_may_be_there_and_no_more(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who are there may come again, so often."""
    for module in (in_redis, in_memory):
        monkeypatch.setattr(module, "MAX_MEMBERS", 2)
        monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    for connection, user in (("a", "7"), ("b", "8"), ("c", "7")):
        await log.presence.enter(member(connection, user), LONG)
    for refused in (member("d", "9"), member("e", "7")):
        with pytest.raises(TooManyMembers, match="2 may be there, each by 2 connections"):
            await log.presence.enter(refused, LONG)
    await log.presence.enter(member("c", "7"), LONG)
    await log.presence.leave(member("b", "8"))
    await log.presence.enter(member("d", "9"), LONG)
    assert sorted(await present(log) or {}) == ["7", "9"]


async def test_none_lapses_while_nobody_could_look() -> None:
    """The log was away, or its clock was set: who is there has the whole time to say so."""
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await none_lapses_while_nobody_could_look(log, clock.advance)


async def test_nor_in_redis(redis_server: Server, prefix: str) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await none_lapses_while_nobody_could_look(log, Shift(redis_server, prefix))
    await log.close()


async def none_lapses_while_nobody_could_look(
    log: EventLog, advance: Callable[[int], object]
) -> None:
    one = member("a")
    await log.presence.enter(one, 10)
    advance(11_000)
    assert await log.presence.lapsed(10) == []  # nobody has ever looked
    advance(4000)
    assert await log.presence.lapsed(10) == []
    advance(5500)
    assert await log.presence.lapsed(10) == []  # too long a pause
    advance(-60_000)
    assert await log.presence.lapsed(10) == []  # set back
    # Steps of four seconds: a clock of Redis goes on by itself, and five would be a pause.
    for _ in range(2):
        advance(4000)
        assert await log.presence.lapsed(10) == []
    # Where its time is by the clock that was set back, it is there for a lease more.
    found: list[Member] = []
    for _ in range(6):
        advance(4000)
        found = found or await log.presence.lapsed(10)
    assert found == [one]


class Shift:
    """Lets time pass for who is there in Redis: all times that are kept become earlier."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server: Final = server
        self._keys: Final = Keys(prefix)

    def __call__(self, milliseconds: int) -> None:
        with self._server.client() as client:
            for key in client.scan_iter(match=self._keys.members("*")):
                for field, value in client.hgetall(key).items():
                    if field.startswith(b"c:"):
                        deadline, _, user = value.partition(b" ")
                        client.hset(key, field, b"%d %s" % (int(deadline) - milliseconds, user))
            for topic, score in client.zrange(self._keys.presence_due, 0, -1, withscores=True):
                client.zadd(self._keys.presence_due, {topic: score - milliseconds})
            if looked := client.get(self._keys.presence_looked):
                shifted = b" ".join(b"%d" % (int(n) - milliseconds) for n in looked.split())
                client.set(self._keys.presence_looked, shifted)


async def test_a_key_of_somebody_else_is_said_and_changes_nothing(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.presence.enter(member("a"), LONG)
    keys = Keys(prefix)
    for key in (keys.members(CHAT), keys.presence_due):
        with redis_server.client() as client:
            client.rename(key, "aside")
            client.set(key, "somebody else's")
            for refused in (
                log.presence.enter(member("b", "8"), LONG),
                log.presence.leave(member("a")),
                log.presence.renew([member("a")], LONG),
            ):
                with pytest.raises(LogUnavailable):
                    await refused
            client.rename("aside", key)
    assert await present(log) == {"7": "Ada"}
    assert len(await told(log)) == 1
    await log.close()


# The model

USERS: Final = ("ada", "bob", "cem")
TOPICS: Final = ("chats/a", "chats/b")
#: Seconds of a lease, as the model has them.
LEASE: Final = 15.0

enter = st.tuples(
    st.just("enter"), st.integers(0, 2), st.sampled_from(TOPICS), st.sampled_from(USERS)
)
leave = st.tuples(st.just("leave"), st.integers(0, 20))
crash = st.tuples(st.just("crash"), st.integers(0, 2))
tick = st.tuples(st.just("tick"), st.integers(1000, 7000))
stop = st.tuples(st.just("away"), st.integers(20_000, 40_000))
lose = st.tuples(
    st.just("lose"), st.sampled_from(["all", *(f"members {topic}" for topic in TOPICS), "looked"])
)
Steps = list[tuple[Any, ...]]
Lose = Callable[[str], None]


class World:
    """Processes that hold connections, renew them, look, and may be killed.

    Attributes:
        there: who is there, as it must be: by topic and user the connections.
    """

    def __init__(self, log: EventLog, advance: Callable[[int], object]) -> None:
        self.log: Final = log
        self.advance: Final = advance
        self.held: Final[dict[int, list[Member]]] = {0: [], 1: [], 2: []}
        self.dead: Final[list[Member]] = []
        self._number = 0

    @property
    def living(self) -> list[Member]:
        return [one for held in self.held.values() for one in held]

    def must_be(self, topic: str, *, also: list[Member]) -> set[str]:
        return {one.user for one in [*self.living, *also] if one.topic == topic}

    async def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case "enter", process, topic, user:
                self._number += 1
                one = Member(topic, f"c{self._number}", user, user.title())
                self.held[process].append(one)
                await self.log.presence.enter(one, LEASE)
            case "leave", number if self.living:
                one = self.living[number % len(self.living)]
                for held in self.held.values():
                    if one in held:
                        held.remove(one)
                await self.log.presence.leave(one)
            case "crash", process:
                self.dead.extend(self.held[process])
                self.held[process] = []
            case "tick", milliseconds:
                self.advance(milliseconds)
                await self.work()
            case "away", milliseconds:
                # Nobody reaches the log, or all are frozen; the first that is back looks.
                self.advance(milliseconds)
                await self.look()

    async def work(self) -> None:
        """What each process does every few seconds."""
        for held in self.held.values():
            for one in await self.log.presence.renew(held, LEASE):
                await self.log.presence.enter(one, LEASE)
        for _ in self.held:
            await self.look()

    async def look(self) -> None:
        for one in await self.log.presence.lapsed(LEASE):
            await self.log.presence.leave(one, if_lapsed=True)

    async def rest(self) -> None:
        """Until all leases that nobody renews are over, and somebody has looked."""
        for _ in range(10):
            self.advance(5000)
            await self.work()


async def play(log: EventLog, advance: Callable[[int], object], lose: Lose, steps: Steps) -> None:
    """Who is there is told once, whoever dies; and is known again once what was lost is back."""
    world = World(log, advance)
    is_lost = False
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(TOPICS)
    heads = {topic: (await log.snapshots([topic]))[topic] for topic in TOPICS}
    for step in steps:
        if step[0] == "lose":
            lose(step[1])
            is_lost = True
            continue
        await world.step(step)
        if is_lost:
            continue
        for topic in TOPICS:
            found = set(await present(log, topic) or {})
            assert world.must_be(topic, also=[]) <= found <= world.must_be(topic, also=world.dead)
            heads[topic] = await folded(log, heads[topic], topic)
            assert set(heads[topic].present or {}) == found
    if not is_lost:
        for topic in TOPICS:
            await told_once(log, topic, listener)
    await world.rest()
    for topic in TOPICS:
        assert set(await present(log, topic) or {}) == world.must_be(topic, also=[])
        if not is_lost:
            await told_once(log, topic, listener)


async def folded(log: EventLog, snapshot: Snapshot, topic: str) -> Snapshot:
    """What a reader knows who was greeted with `snapshot` and has read on."""
    for event in (await log.read([topic], snapshot.cursor, 1000)).events:
        snapshot = snapshot.after(event, topic)
    return snapshot


async def told_once(log: EventLog, topic: str, listener: RecordingListener) -> None:
    """Each comes, leaves, and comes again: never twice the one or the other."""
    kept = await told(log, topic)
    assert len({user for _, user, _ in kept}) == len(kept)
    last: dict[str, str] = {}

    def all_have_come() -> bool:
        newest = [event.id for event in listener.events if topic in event.topics][-1:]
        return not kept or (bool(newest) and newest[0] == ids[-1])

    ids = [event.id for event in (await log.read([topic], ORIGIN, 1000)).events]
    await wait_until(all_have_come, "not all was notified")
    for event in listener.events:
        if topic not in event.topics:
            continue
        kind, user = event.type, msgspec.json.decode(event.fields)["user"]
        assert last.get(user, "user_leave") != kind
        last[user] = kind
    there = {user for user, kind in last.items() if kind == "user_join"}
    assert there == set(await present(log, topic) or {})


steps = st.lists(enter | enter | leave | crash | tick | tick | stop, max_size=30)
lossy_steps = st.lists(enter | enter | leave | crash | tick | tick | stop | lose, max_size=30)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_in_memory_who_is_there_is_what_the_model_says(steps: Steps) -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    asyncio.run(play(log, clock.advance, lambda _: None, steps))


@given(steps=steps | lossy_steps)
@settings(
    max_examples=60,
    deadline=None,
    # The server is the session's; each example has a prefix of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_redis_who_is_there_is_what_the_model_says(redis_server: Server, steps: Steps) -> None:
    """Also once the log has begun again empty, or some of its keys were evicted."""
    prefix = f"test-{secrets.token_hex(6)}"
    keys = Keys(prefix)

    def lose(what: str) -> None:
        with redis_server.client() as client:
            if what == "all":
                for key in list(client.scan_iter(match=f"{{{prefix}}}*")):
                    client.delete(key)
            elif what == "looked":
                client.delete(keys.presence_looked)
            else:
                client.delete(keys.members(what.removeprefix("members ")))

    async def run() -> None:
        log = RedisEventLog(redis_server.url, prefix=prefix)
        await play(log, Shift(redis_server, prefix), lose, steps)
        await log.close()

    asyncio.run(run())
