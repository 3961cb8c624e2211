"""Who is reached by push, and what is to be sent to whom; over every log."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogUnavailable, TooManySubscribers
from streamer.eventlog import push
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory import push as in_memory
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.push import Send, Subscription
from streamer.eventlog.redis import push as in_redis
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.servers import FakeClock, Server

#: Longer than any test.
HOUR: Final = 3600.0


def browser(name: str, **changed: object) -> Subscription:
    given: dict[str, object] = {"p256dh": "p", "auth": "a", "server_key": "k", **changed}
    return Subscription(f"https://push.example/{name}", **given)  # type: ignore[arg-type]


async def tell(log: EventLog, subject: str = "7", kind: str = "invited") -> Cursor:
    id_ = await log.append(new_event(f"users/{subject}", kind, {}))
    assert id_ is not None
    return id_


async def take(log: EventLog, seconds: float = HOUR) -> list[Send]:
    """Spread what is due at once, and take what there is to be sent."""
    await log.pushes.spread(0)
    return await log.pushes.take(seconds)


def names(sends: list[Send]) -> list[str]:
    return sorted(send.subscription.endpoint.rpartition("/")[2] for send in sends)


async def test_what_counts_as_unread_is_sent_to_each_subscription_of_its_user(
    log: EventLog,
) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await log.pushes.subscribe("7", browser("phone"))
    await log.pushes.subscribe("8", browser("other"))
    await tell(log)
    assert names(await take(log)) == ["laptop", "phone"]


async def test_what_was_taken_is_given_to_nobody_else(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    found = await asyncio.gather(*(take(log) for _ in range(5)))
    assert [names(sends) for sends in found if sends] == [["laptop"]]


async def test_nothing_is_due_before_its_time(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    assert await log.pushes.spread(HOUR) == 0
    assert await log.pushes.take(HOUR) == []
    assert await log.pushes.spread(0) == 1


async def test_the_first_of_several_says_when_all_are_due() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    clock.advance(29_000)
    await tell(log)
    assert await log.pushes.spread(30) == 0
    clock.advance(1000)
    assert await log.pushes.spread(30) == 1
    assert len(await log.pushes.take(HOUR)) == 1
    clock.advance(60_000)
    assert await log.pushes.spread(30) == 0


@pytest.mark.parametrize("kind", ["progress", "transcode_progress", "read"])
async def test_what_does_not_count_makes_nobody_due(log: EventLog, kind: str) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    fields = {"task_name": "t", "progress": 0.5} if kind == "progress" else {}
    await log.append(new_event("users/7", kind, fields, by_server=True))
    await log.append(new_event("users/7", "invited", {}, ephemeral=True))
    for topic in ("system", "admin", "chats/7", "users/7/drafts"):
        await log.append(new_event(topic, "message", {"message": "m"}))
    assert await log.pushes.spread(0) == 0


async def test_what_was_there_before_somebody_subscribed_is_not_sent(log: EventLog) -> None:
    await tell(log)
    await log.pushes.subscribe("7", browser("laptop"))
    assert await take(log) == []


async def test_an_event_of_several_topics_makes_its_user_due(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await log.append(new_event(("admin", "users/7"), "transcode_complete", {}))
    assert names(await take(log)) == ["laptop"]


async def test_a_repeated_event_makes_nobody_due_again(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    event = new_event("users/7", "invited", {}, idempotency_key="once")
    first = await log.append(event)
    [send] = await take(log)
    await log.pushes.done(send, first)
    await log.append(event)
    assert await take(log) == []


async def test_what_a_send_has_told_is_known_by_the_next(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    assert send.told is None
    await log.pushes.done(send, first)
    assert await take(log) == []
    await tell(log)
    [send] = await take(log)
    assert send.told == first


async def test_what_comes_while_a_send_is_under_way_is_sent_after_it(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    await tell(log)
    assert await take(log) == []
    await log.pushes.done(send, first)
    [again] = await take(log)
    assert again.told == first
    await log.pushes.done(again, None)
    assert await take(log) == []


async def test_a_send_that_nobody_ended_is_given_to_another_after_its_lease(log: EventLog) -> None:
    """As one of a process that was killed."""
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [dead] = await take(log, seconds=0)
    [send] = await take(log)
    assert (dead.name, dead.told) == (send.name, send.told)
    if dead.until != send.until:
        # It comes back, and has no say any more.
        await log.pushes.done(dead, first)
        await log.pushes.later(dead, 0, failed=True)
        await log.pushes.drop(dead)
        assert await take(log) == []
        assert len(await log.pushes.subscriptions("7")) == 1
    await log.pushes.done(send, first)
    assert await take(log) == []


async def test_a_send_that_failed_comes_back_in_time_and_counts(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    assert send.failures == 0
    await log.pushes.later(send, HOUR, failed=True)
    assert await take(log) == []
    await tell(log)  # nor is it sent sooner for there being more to say
    assert await take(log) == []
    await log.pushes.subscribe("8", browser("phone"))
    await tell(log, "8")
    [send] = await take(log)
    for failures, failed in [(0, True), (1, False), (1, True), (2, True)]:
        assert send.failures == failures
        await log.pushes.later(send, 0, failed=failed)
        [send] = await take(log)
    await log.pushes.done(send, first)
    await tell(log, "8")
    [send] = await take(log)
    assert send.failures == 0


async def test_what_was_unsubscribed_while_it_was_due_is_not_sent(log: EventLog) -> None:
    for name in ("laptop", "phone"):
        await log.pushes.subscribe("7", browser(name))
    await tell(log)
    assert await log.pushes.unsubscribe("7", browser("phone").endpoint)
    assert not await log.pushes.unsubscribe("7", browser("phone").endpoint)
    assert names(await take(log)) == ["laptop"]


async def test_what_was_unsubscribed_in_the_queue_or_under_way_is_not_sent_again(
    log: EventLog,
) -> None:
    for name in ("laptop", "phone"):
        await log.pushes.subscribe("7", browser(name))
    first = await tell(log)
    await log.pushes.spread(0)
    await log.pushes.unsubscribe("7", browser("phone").endpoint)
    [send] = await take(log)
    await tell(log)
    await log.pushes.unsubscribe("7", browser("laptop").endpoint)
    await log.pushes.done(send, first)
    await log.pushes.later(send, 0, failed=True)
    assert await take(log) == []
    assert await log.pushes.subscriptions("7") == []


async def test_the_last_who_unsubscribed_makes_nobody_due(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await log.pushes.unsubscribe("7", browser("laptop").endpoint)
    await tell(log)
    assert await log.pushes.spread(0) == 0


async def test_a_dead_subscription_is_forgotten(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    await log.pushes.subscribe("7", browser("phone"))
    await tell(log)
    for send in await take(log):
        if names([send]) == ["phone"]:
            await log.pushes.drop(send)
    assert await log.pushes.subscriptions("7") == [browser("laptop")]


async def test_a_subscription_that_came_back_is_not_the_dead_one(log: EventLog) -> None:
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    await log.pushes.subscribe("7", browser("laptop", p256dh="new"))
    await log.pushes.drop(send)
    assert await log.pushes.subscriptions("7") == [browser("laptop", p256dh="new")]
    [send] = await take(log)
    assert send.subscription.p256dh == "new"
    await log.pushes.done(send, first)
    assert await take(log) == []


async def test_a_browser_is_told_of_one_subject_alone(log: EventLog) -> None:
    """Who logs in where somebody else was takes the browser over."""
    await log.pushes.subscribe("7", browser("shared"))
    await tell(log)
    await log.pushes.subscribe("8", browser("shared"))
    assert await take(log) == []
    assert await log.pushes.subscriptions("7") == []
    assert not await log.pushes.unsubscribe("7", browser("shared").endpoint)
    await tell(log, "8")
    assert [send.subject for send in await take(log)] == ["8"]


async def test_who_subscribes_again_is_told_nothing_twice(log: EventLog) -> None:
    """A page does whenever it is opened."""
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    await log.pushes.done(send, first)
    await log.pushes.subscribe("7", browser("laptop"))
    assert await take(log) == []
    await tell(log)
    [send] = await take(log)
    assert send.told == first


async def test_of_too_many_subscriptions_the_one_that_came_longest_ago_goes(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (in_memory, in_redis):
        monkeypatch.setattr(module, "MAX_SUBSCRIPTIONS", 3)
    for n in range(6):
        await log.pushes.subscribe("7", browser(str(n)))
    kept = await log.pushes.subscriptions("7")
    assert len(kept) == 3
    assert browser("5") in kept


async def test_so_many_subjects_are_kept(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (in_memory, in_redis):
        monkeypatch.setattr(module, "MAX_SUBJECTS", 2)
    for subject in ("7", "8"):
        await log.pushes.subscribe(subject, browser(subject))
    with pytest.raises(TooManySubscribers, match="2 users"):
        await log.pushes.subscribe("9", browser("9"))
    assert await log.pushes.subscriptions("9") == []
    await log.pushes.subscribe("8", browser("more"))
    await log.pushes.unsubscribe("7", browser("7").endpoint)
    await log.pushes.subscribe("9", browser("9"))


async def test_who_has_not_come_for_long_is_forgotten_and_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_memory, "MAX_SUBJECTS", 1)
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await log.pushes.subscribe("7", browser("7"))
    clock.advance(push.SUBSCRIPTION_TTL)
    await tell(log)
    assert await log.pushes.spread(0) == 0
    await log.pushes.subscribe("8", browser("8"))
    assert await log.pushes.subscriptions("7") == []


async def test_in_redis_who_has_not_come_for_long_makes_room(
    redis_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_redis, "MAX_SUBJECTS", 1)
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.pushes.subscribe("7", browser("7"))
    with redis_server.client() as client:
        client.zadd(Keys(prefix).push_subjects, {"7": 1})
        kept = client.pttl(Keys(prefix).push_subscriptions("7"))
    assert push.SUBSCRIPTION_TTL - 60_000 < kept <= push.SUBSCRIPTION_TTL
    await log.pushes.subscribe("8", browser("8"))
    await log.close()


async def test_a_topic_that_was_silent_for_a_year_still_makes_its_user_due(
    redis_server: Server, prefix: str
) -> None:
    """What says that somebody has subscriptions outlives the topic, as long as these."""
    log = RedisEventLog(
        redis_server.url, prefix=prefix, retention=RetentionPolicy(Retention(max_age=1.0))
    )
    await log.pushes.subscribe("7", browser("laptop"))
    key = Keys(prefix)
    for _ in range(2):
        with redis_server.client() as client:
            left = client.pttl(key.meta("users/7"))
            assert left > push.SUBSCRIPTION_TTL - 60_000
            # As if all else of the topic had gone meanwhile.
            client.delete(key.stream("users/7"))
            client.hdel(key.meta("users/7"), "last", "kept")
        await tell(log)
        [send] = await take(log)
        await log.pushes.done(send, None)
    await log.close()


async def test_a_clock_that_was_set_back_makes_nobody_wait(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    key = Keys(prefix)
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    far = 99_999_999_999_999
    with redis_server.client() as client:
        client.zadd(key.push_due, {"7": far})
        assert len(await take(log)) == 1
        [(member, _)] = client.zrange(key.push_sends, 0, -1, withscores=True)
        client.zadd(key.push_sends, {member: far})
    assert len(await take(log)) == 1
    await log.close()


async def test_in_memory_a_clock_that_was_set_back_makes_nobody_wait() -> None:
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    clock.advance(-3 * 24 * 3600 * 1000)
    assert len(await take(log)) == 1
    clock.advance(-3 * 24 * 3600 * 1000)
    assert len(await take(log)) == 1


async def test_a_key_of_somebody_else_is_said_and_nothing_is_appended(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.pushes.subscribe("7", browser("laptop"))
    with redis_server.client() as client:
        client.set(Keys(prefix).push_due, "somebody else's")
        with pytest.raises(LogUnavailable):
            await tell(log)
        with pytest.raises(LogUnavailable):
            await log.pushes.spread(0)
    await tell(log, "8")  # who has no subscriptions does not notice
    assert (await log.read_back(["users/7"], None, 10)).events == []
    await log.close()


async def test_an_empty_log_sends_nothing_and_takes_new_subscriptions(
    redis_server: Server, prefix: str
) -> None:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    await log.pushes.subscribe("7", browser("laptop"))
    first = await tell(log)
    [send] = await take(log)
    with redis_server.client() as client:
        client.delete(*client.scan_iter(f"{{{prefix}}}*"))
    await log.pushes.done(send, first)
    await tell(log)
    assert await take(log) == []
    await log.pushes.subscribe("7", browser("laptop"))
    await tell(log)
    [send] = await take(log)
    assert send.told is None
    await log.close()


def test_a_publish_to_nobody_who_subscribed_runs_the_commands_that_it_always_ran(
    redis_server: Server, prefix: str
) -> None:
    """One field more is read of a hash that is read anyway; nothing is written."""

    async def commands_of(*, has_subscriptions: bool) -> dict[str, int]:
        log = RedisEventLog(redis_server.url, prefix=prefix)
        if has_subscriptions:
            await log.pushes.subscribe("7", browser("laptop"))
        await tell(log)
        with redis_server.client() as client:
            client.config_resetstat()
            await tell(log)
            stats = client.info("commandstats")
        await log.close()
        return {name.removeprefix("cmdstat_"): it["calls"] for name, it in stats.items()}

    without = asyncio.run(commands_of(has_subscriptions=False))
    having = asyncio.run(commands_of(has_subscriptions=True))
    more = {name: n - without.get(name, 0) for name, n in having.items()}
    assert {
        name: n for name, n in more.items() if n and name not in {"info", "config|resetstat"}
    } == {
        "zadd": 1,
        "zcard": 1,
        "time": 1,
    }


# The model

SUBJECTS: Final = ("7", "7", "8")
BROWSERS: Final = ("laptop", "phone")

Step = tuple[str, str, str]
#: What is done more often stands here more often.
KINDS: Final = (
    *("subscribe", "subscribe", "unsubscribe", "tell", "tell", "tell", "spread", "spread"),
    *("take", "take", "die", "sent", "sent", "failed", "dead"),
)
steps: Final = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(SUBJECTS), st.sampled_from(BROWSERS)),
    min_size=20,
    max_size=60,
)


class Story:
    """One process that sends, and what each browser has received by then."""

    def __init__(self, log: EventLog) -> None:
        self.log: Final = log
        self.newest: Final[dict[str, Cursor]] = {}
        # Of each browser: whose it is and since which subscription, what that one was told
        # since, and the last that it received.
        self.owners: Final[dict[str, tuple[str, int]]] = {}
        self.owed: Final[dict[str, Cursor]] = {}
        self.received: Final[dict[str, Cursor]] = {}
        # Of each send: of which subscription it is, and what was unread when that was looked at.
        self.taken: Final[list[tuple[Send, int, Cursor]]] = []
        self.epoch = 0

    async def play(self, played: list[Step]) -> None:
        for what, subject, name in played:
            await self.step(what, subject, name)
        while self.taken:
            await self.end("sent")
        for _ in range(3):
            self.take(await take(self.log))
            while self.taken:
                await self.end("sent")
        assert await take(self.log) == []
        assert {name: self.received.get(name) for name in self.owed} == self.owed

    async def step(self, what: str, subject: str, name: str) -> None:
        match what:
            case "subscribe":
                await self.log.pushes.subscribe(subject, browser(name))
                if not self.has(subject, name):
                    self.forget(name)
                    self.epoch += 1
                    self.owners[name] = (subject, self.epoch)
            case "unsubscribe":
                was_there = await self.log.pushes.unsubscribe(subject, browser(name).endpoint)
                assert was_there == self.has(subject, name)
                if was_there:
                    self.forget(name)
            case "tell":
                self.newest[subject] = id_ = await tell(self.log, subject)
                self.owed.update({n: id_ for n in self.owners if self.has(subject, n)})
            case "spread":
                await self.log.pushes.spread(0)
            case "take":
                self.take(await self.log.pushes.take(HOUR))
            case "die":
                await self.log.pushes.take(0)
            case _ if self.taken:
                await self.end(what)

    def has(self, subject: str, name: str) -> bool:
        return self.owners.get(name, ("", 0))[0] == subject

    def take(self, sends: list[Send]) -> None:
        for send in sends:
            subject, epoch = self.owners[names([send])[0]]
            assert subject == send.subject
            self.taken.append((send, epoch, self.newest[subject]))

    async def end(self, how: str) -> None:
        send, epoch, upto = self.taken.pop(0)
        [name] = names([send])
        is_own = self.owners.get(name) == (send.subject, epoch)
        if how == "dead":
            await self.log.pushes.drop(send)
            kept = await self.log.pushes.subscriptions(send.subject)
            if is_own and browser(name) not in kept:
                self.forget(name)
        elif how == "failed":
            await self.log.pushes.later(send, 0, failed=True)
        else:
            is_news = send.told is None or send.told < upto
            await self.log.pushes.done(send, upto if is_news else None)
            if is_own and is_news:
                assert self.received.get(name, Cursor(0, 0)) < upto, "it was sent twice"
                self.received[name] = upto

    def forget(self, name: str) -> None:
        for known in (self.owners, self.owed, self.received):
            known.pop(name, None)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_in_memory_all_is_sent_once_to_who_had_subscribed(played: list[Step]) -> None:
    asyncio.run(Story(MemoryEventLog(clock=FakeClock())).play(played))


@given(played=steps)
@settings(
    max_examples=60,
    deadline=None,
    # The server is the session's; each example has a prefix of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_redis_all_is_sent_once_to_who_had_subscribed(
    redis_server: Server, played: list[Step]
) -> None:
    async def run() -> None:
        log = RedisEventLog(redis_server.url, prefix=f"test-{secrets.token_hex(6)}")
        await Story(log).play(played)
        await log.close()

    asyncio.run(run())
