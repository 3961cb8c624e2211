"""What is kept, and what counts as unread, is the log's own: the same for all its processes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import httpx
import pytest
import redis

from streamer.config.retention import Retention, RetentionPolicy
from streamer.config.rules import Rules
from streamer.config.unread import Counted, UnreadPolicy
from streamer.errors import LogUnavailable
from streamer.eventlog import rules
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from support.live import Live, StartLive
from support.processes import Program
from support.servers import Server
from support.waiting import wait_until, wait_until_blocking

CHAT: Final = "chats/42"
#: Of a server: what is said counts, and three events are kept.
SAID: Final = UnreadPolicy({"chats": Counted(frozenset({"said"}))})
THREE: Final = RetentionPolicy(Retention(max_length=3))
#: Of another.
SHOUTED: Final = UnreadPolicy({"chats": Counted(frozenset({"shouted"}))})

#: Opens a log of the test with rules; the fixture closes it.
Open = Callable[..., RedisEventLog]


@pytest.fixture
async def open_(redis_server: Server, prefix: str) -> AsyncIterator[Open]:
    opened: list[RedisEventLog] = []

    def open_with(
        retention: RetentionPolicy | None = None, unread: UnreadPolicy | None = None
    ) -> RedisEventLog:
        log = RedisEventLog(redis_server.url, prefix=prefix, retention=retention, unread=unread)
        opened.append(log)
        return log

    yield open_with
    for log in opened:
        await log.close()


@pytest.fixture
def client(redis_server: Server) -> Iterator[redis.Redis]:
    with redis_server.client() as client:
        yield client


async def say(log: RedisEventLog, *types: str) -> None:
    for event_type in types:
        await log.append(new_event(CHAT, event_type, {}))


async def unread(log: RedisEventLog) -> int | None:
    return (await log.reader_cursors.states((CHAT,), "ada")).states[CHAT].unread


async def kept(log: RedisEventLog) -> int:
    return len((await log.read((CHAT,), ORIGIN, 100)).events)


async def test_a_worker_that_knows_no_settings_goes_by_those_of_the_server(open_: Open) -> None:
    server, worker = open_(THREE, SAID), open_()
    await server.rules.uphold()
    await say(worker, "said", "message", "said", "message", "said")
    assert (await kept(server), await unread(server)) == (3, 2)


async def test_until_a_server_has_said_any_each_goes_by_its_own(open_: Open) -> None:
    worker = open_()
    await say(worker, "message", "said")
    assert (await kept(worker), await unread(worker)) == (2, 1)


async def test_a_worker_goes_by_rules_that_change_while_it_runs(open_: Open) -> None:
    worker = open_()
    await say(worker, "said")
    assert await unread(worker) == 0
    await open_(unread=SAID).rules.uphold()
    await say(worker, "said")
    assert await unread(worker) == 1


async def test_who_only_reads_knows_what_counts(open_: Open) -> None:
    nothing = UnreadPolicy({})
    await open_(unread=nothing).rules.uphold()
    reader = open_()
    assert await unread(reader) is None
    await open_(unread=SAID).rules.uphold()
    assert await unread(reader) == 0


async def test_the_rules_are_those_of_the_server_that_was_started_last(open_: Open) -> None:
    """As in a rolling deploy: the one before goes on, and goes by the new ones."""
    first, second = open_(unread=SAID), open_(unread=SHOUTED)
    await first.rules.uphold()
    await second.rules.uphold()
    for server in (first, second, first):
        await server.rules.uphold()
    await say(first, "said", "shouted")
    assert await unread(first) == await unread(second) == 1
    assert first.rules.current.text == second.rules.current.text
    counted = first.rules.current.unread.of(CHAT)
    assert counted is not None
    assert counted.counts("shouted")


async def test_a_server_that_follows_another_says_so_once(
    open_: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever set its settings should know that they do not hold."""
    monkeypatch.setattr(rules, "UPHOLD_SECONDS", 0.001)
    first = open_(unread=SAID)
    await first.rules.uphold()
    await open_(unread=SHOUTED).rules.uphold()
    looks = 0
    uphold = first.rules.uphold

    async def counting() -> bool:
        nonlocal looks
        looks += 1
        return await uphold()

    monkeypatch.setattr(first.rules, "uphold", counting)
    upholding = asyncio.create_task(rules.Upholding(first.rules).run())
    await wait_until(lambda: looks > 3, "it did not look again")
    upholding.cancel()
    (said,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "other settings of what is kept" in said


async def test_a_server_that_began_later_with_the_same_settings_is_nobodys_trouble(
    open_: Open,
) -> None:
    """As each of `--workers N`, also where something is set by hand."""
    first, second = open_(unread=SAID), open_(unread=SAID)
    assert await first.rules.uphold()
    assert await second.rules.uphold()
    assert await first.rules.uphold()
    await second.rules.retain("chats", Retention(5, 60))
    assert await first.rules.uphold()
    assert await open_(unread=SHOUTED).rules.uphold()
    assert not await first.rules.uphold()


async def test_a_clock_that_is_set_back_makes_no_server_the_earlier_one(
    open_: Open, client: redis.Redis, prefix: str
) -> None:
    """The clock is Redis's, and its host may be another after a failover."""
    await open_(unread=SAID).rules.uphold()
    client.hset(Keys(prefix).rules, "number", 99_999_999_999_999)
    await open_(unread=SHOUTED).rules.uphold()
    worker = open_()
    await say(worker, "shouted")
    assert await unread(worker) == 1


async def test_a_log_that_was_flushed_is_given_its_rules_again(
    open_: Open, client: redis.Redis, prefix: str
) -> None:
    """By the newest server, whoever of them comes first; until then all go by what they know."""
    first, second, worker = open_(unread=SAID), open_(unread=SHOUTED), open_()
    await first.rules.uphold()
    await second.rules.uphold()
    await say(worker, "shouted")
    for key in client.scan_iter(f"{{{prefix}}}*"):
        client.delete(key)
    await say(worker, "shouted")
    assert await unread(worker) == 1
    await first.rules.uphold()
    await second.rules.uphold()
    await first.rules.uphold()
    await say(open_(), "shouted", "said")
    assert await unread(worker) == 2


async def test_a_server_that_begins_on_a_log_that_was_flushed_is_the_last(
    open_: Open, client: redis.Redis, prefix: str
) -> None:
    """Though those before it come back to it only now."""
    first, last = open_(unread=SHOUTED), open_(unread=SAID)
    await first.rules.uphold()
    client.delete(Keys(prefix).rules)
    await last.rules.uphold()
    await first.rules.uphold()
    await say(first, "said")
    assert await unread(last) == 1


async def test_what_was_appended_before_is_counted_as_it_was(open_: Open) -> None:
    worker = open_()
    await say(worker, "message", "message")
    await open_(unread=SAID).rules.uphold()
    await say(worker, "message", "said")
    assert await unread(worker) == 3


async def test_a_batch_that_is_sent_again_under_other_rules_is_appended_once(open_: Open) -> None:
    worker = open_()
    event = new_event(CHAT, "said", {}, idempotency_key="once")
    first = await worker.append(event)
    await open_(unread=SAID).rules.uphold()
    assert await worker.append(event) == first
    assert await kept(worker) == 1


async def test_what_is_not_ours_is_said_and_nothing_is_appended(
    open_: Open, client: redis.Redis, prefix: str
) -> None:
    log, key = open_(), Keys(prefix).rules
    client.set(key, "somebody else's")
    with pytest.raises(LogUnavailable):
        await say(log, "said")
    client.delete(key)
    client.hset(key, "text", "somebody else's")
    with pytest.raises(LogUnavailable, match="something else under one of our keys"):
        await say(log, "said")
    with pytest.raises(LogUnavailable, match="something else under one of our keys"):
        await unread(log)
    client.delete(key)
    assert await kept(log) == 0


async def test_rules_that_never_rest_hold_an_append_up_for_so_long(
    open_: Open, client: redis.Redis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, tries = open_(), 0
    follow = log.rules.follow

    def change(text: bytes = b"") -> None:
        nonlocal tries
        tries += 1
        if text:
            follow(text)
        other = UnreadPolicy({"chats": Counted(frozenset({f"type{tries}"}))})
        client.hset(Keys(prefix).rules, "text", Rules(unread=other).text)

    change()
    monkeypatch.setattr(log.rules, "follow", change)
    with pytest.raises(LogUnavailable, match="change too often"):
        await say(log, "said")
    assert tries == 6


# Over processes

#: What any worker is: it knows where the log is, and nothing else.
_WORKER: Final = """
from streamer import SyncPublisher
from streamer.eventlog.redis import RedisEventLog
publisher = SyncPublisher(lambda: RedisEventLog({url!r}, prefix={prefix!r}))
print("ready", flush=True)
while True:
    event_type = input()
    publisher.publish("chats/42", event_type)
    print(event_type if publisher.flush() else "not published", flush=True)
"""


def start_worker(live: Live) -> Program:
    url, prefix = live.environ["STREAMER_REDIS_URL"], live.environ["STREAMER_PREFIX"]
    program = Program([sys.executable, "-c", _WORKER.format(url=url, prefix=prefix)])
    program.wait_for("ready")
    return program


def publish_by(worker: Program, event_type: str) -> None:
    worker.write(f"{event_type}\n")
    worker.wait_for(event_type)


def number_of(client: redis.Redis, live: Live) -> float:
    stored = client.hget(Keys(live.environ["STREAMER_PREFIX"]).rules, "number")
    return float(stored) if isinstance(stored, bytes) else 0.0


def test_a_worker_of_its_own_counts_and_keeps_what_the_server_says(
    start_live: StartLive, client: redis.Redis
) -> None:
    """And of two servers with different settings, what the one says that was started last."""
    old = start_live(STREAMER_UNREAD="chats=said", STREAMER_RETENTION="chats=3:1h")
    wait_until_blocking(lambda: number_of(client, old), "the server did not say its rules")
    before = number_of(client, old)

    def seen_by(live: Live) -> tuple[int, int]:
        """What is kept of the chat, and what is unread."""
        events = httpx.get(f"{live.url}/api/v1/events?topic={CHAT}").json()["events"]
        state = httpx.get(f"{live.url}/api/v1/topics/{CHAT}/cursor?reader=ada").json()
        return len(events), state["unread"]

    with start_worker(old) as worker:
        for event_type in ("said", "message", "said", "noted", "said.again"):
            publish_by(worker, event_type)
        assert seen_by(old) == (3, 1)
        new = start_live(
            STREAMER_UNREAD="chats=shouted",
            STREAMER_RETENTION="chats=4:1h",
            STREAMER_PREFIX=old.environ["STREAMER_PREFIX"],
        )
        wait_until_blocking(lambda: number_of(client, old) > before, "its rules are not the log's")
        for event_type in ("shouted", "whispered"):
            publish_by(worker, event_type)
        assert seen_by(new) == seen_by(old) == (4, 1)
