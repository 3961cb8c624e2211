"""Keys of the log that vanish, one or several: a gap, and never a silence or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import combinations

import pytest

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import BatchKey
from streamer.eventlog.leases import Lease
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from support.reading import gaps_of, ids_of, read_all
from support.servers import Server
from support.waiting import wait_until
from support.writers import FakeWriter

TOPIC = "jobs/j"
OTHER = "chats/1"
KEYS = ("clock", "birth", "topics", "t:jobs/j", "m:jobs/j", "s:jobs/j", "k:jobs/j")
CHOICES = [
    *combinations(KEYS, 1),
    *combinations(KEYS[:5], 2),
    *combinations(KEYS[:5], 3),
    *combinations(KEYS[:5], 4),
    KEYS,
]
#: Without these nothing in Redis says how far the log had come.
CLOCKS = {"clock", "topics", "t:jobs/j", "m:jobs/j"}
#: Seconds: soon over, and long against the pauses between two looks of `wait_until`.
LEASE = 0.3


class Story:
    """A log that some process wrote, what it holds, and another process."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self.old = self._open()
        self.new = self._open()
        self.ids: list[Cursor] = []

    def _open(self) -> RedisEventLog:
        retention = RetentionPolicy(Retention(max_length=4))
        return RedisEventLog(self._server.url, prefix=self._prefix, retention=retention)

    async def append(self, log: RedisEventLog, count: int) -> None:
        for _ in range(count):
            await log.append(new_event(OTHER, "note", {}))
            id_ = await log.append(progress())
            assert id_ is not None
            self.ids.append(id_)

    def lose(self, *keys: str) -> None:
        with self._server.client() as client:
            client.delete(*(f"{{{self._prefix}}}:{key}" for key in keys))

    def put_ahead(self) -> None:
        """Let ids be a minute ahead of the clock of the host, as if that was set back."""
        with self._server.client() as client:
            ahead = self.ids[-1].ms + 60_000
            client.set(f"{{{self._prefix}}}:clock", f"{ahead}-0")

    async def close(self) -> None:
        await self.old.close()
        await self.new.close()


def progress() -> NewEvent:
    return new_event(TOPIC, "progress", {"task_name": "t", "progress": 0.5})


@pytest.fixture
async def story(redis_server: Server, prefix: str) -> AsyncIterator[Story]:
    story = Story(redis_server, prefix)
    await story.append(story.old, 3)
    story.put_ahead()
    await story.append(story.old, 3)
    yield story
    await story.close()


async def judge(story: Story, log: RedisEventLog, after: Cursor) -> None:
    """Everything after the cursor is given, in order, or named by a gap."""
    items = await read_all(log, [TOPIC], after)
    ids = ids_of(items)
    assert ids == sorted(set(ids))
    for id_ in story.ids:
        told = any(gap.after < id_ <= gap.until for gap in gaps_of(items))
        assert id_ <= after or id_ in ids or told, f"{id_} is lost, and nothing says so: {items}"


@pytest.mark.parametrize("keys", CHOICES, ids=" ".join)
async def test_what_vanishes_while_the_log_is_read_is_a_gap(
    story: Story, keys: tuple[str, ...]
) -> None:
    """For the process that wrote it and for one that knows nothing; from any cursor."""
    for log in (story.old,) if set(keys) >= CLOCKS else (story.new, story.old):
        story.lose(*keys)
        for after in story.ids:
            await judge(story, log, after)
        assert (await log.snapshots([TOPIC]))[TOPIC].cursor == await log.head()
        await log.topics("", 10)


@pytest.mark.parametrize("keys", CHOICES, ids=" ".join)
async def test_what_vanishes_before_an_append_is_a_gap_and_ids_go_on(
    story: Story, keys: tuple[str, ...]
) -> None:
    """Above all that were given, though the clock of the host is behind."""
    story.lose(*keys)
    # Where nothing is left, only who has seen it knows how far it had come.
    log = story.old if set(keys) >= CLOCKS else story.new
    last = story.ids[-1]
    await story.append(log, 1)
    assert story.ids[-1] > last
    for after in story.ids:
        await judge(story, story.new, after)
        await judge(story, story.old, after)


@pytest.mark.parametrize("keys", CHOICES, ids=" ".join)
async def test_live_readers_and_polls_go_on(story: Story, keys: tuple[str, ...]) -> None:
    """Whoever publishes next, and whoever comes back."""
    hub = Hub(story.old)
    hub.start()
    live, back = FakeWriter(), FakeWriter()
    await hub.attach(Attach(topics=(TOPIC,)), live)
    story.lose(*keys)
    async with hub.poll(Attach(topics=(TOPIC,)), story.ids[-1], 10, 0) as page:
        assert page.events == ()
    await hub.attach(Attach(topics=(TOPIC,), resume=story.ids[2]), back)
    await story.append(story.old, 1)
    for writer in (live, back):
        await heard(writer, story.ids[-1])
    assert [frame["type"] for frame in live.taken if frame["type"] == "gap"] == []
    for before, after in zip(told(back), told(back)[1:], strict=False):
        assert before < after
    await hub.close()


async def heard(writer: FakeWriter, id_: Cursor) -> None:
    await wait_until(lambda: id_ in told(writer), f"{id_} did not come")


def told(writer: FakeWriter) -> list[Cursor]:
    writer.take()
    return [Cursor.parse(frame["id"]) for frame in writer.taken if "id" in frame]


async def test_what_is_kept_beside_the_log_may_vanish(story: Story) -> None:
    """Leases, reports of connections, keys of retries: what they were for begins anew."""
    log = story.old
    lease = Lease("j", (TOPIC,), 1, "t")
    key = new_event(TOPIC, "note", {}, idempotency_key="k")
    actions: list[Callable[[], Awaitable[object]]] = [
        lambda: log.leases.renew([lease], 0.001),
        lambda: log.leases.lapsed(0.001),
        lambda: log.leases.release(lease),
        lambda: log.report_connections("p", {TOPIC: 1}),
        lambda: log.connections(but="q"),
        lambda: log.append_all([key], BatchKey("w", 1)),
    ]
    for name in ("leases:deadlines", "leases:held", "leases:looked", "processes", "c:p", "b:w"):
        for action in actions:
            await action()
            story.lose(name)
            await action()


async def test_a_lease_without_a_deadline_is_found_and_a_deadline_without_a_lease_is_not(
    story: Story,
) -> None:
    """A job that no worker holds any more is told as stalled, whatever was evicted."""
    leases = story.old.leases
    await leases.renew([Lease("j", (TOPIC,), 1)], LEASE)
    story.lose("leases:deadlines")
    await wait_until(lambda: leases.lapsed(LEASE), "the lease was not found")
    story.lose("leases:held")
    assert await leases.lapsed(LEASE) == []
