"""Whatever is published, trimmed and read: no event is missed without being told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.new_event import new_event
from streamer.events.page import Gap
from support.reading import gaps_of, ids_of, position_of, read_all
from support.servers import FakeClock, Server

TOPICS = ("a", "b", "c")
KEPT = 4
AGE = 10.0
RETENTION = RetentionPolicy(Retention(KEPT, AGE))

topics = st.lists(st.sampled_from(TOPICS), min_size=1, max_size=3, unique=True)
publish = st.tuples(st.just("publish"), st.lists(topics, min_size=1, max_size=6))
read = st.tuples(st.just("read"), st.tuples(topics, st.integers(0, 60), st.integers(1, 5)))
wait = st.tuples(st.just("wait"), st.integers(-5000, 12_000))


class Model:
    """The log as a plain list, with all that was ever published."""

    def __init__(self, head: Cursor, clock: Callable[[], int]) -> None:
        self.ids = [head]
        self.clock = clock
        self.topics: dict[str, list[Cursor]] = {topic: [] for topic in TOPICS}
        self.lost: dict[str, int] = dict.fromkeys(TOPICS, 0)

    def published(self, id_: Cursor, topics: list[str]) -> None:
        assert id_ > self.ids[-1]
        self.ids.append(id_)
        for topic in topics:
            self.expire(topic)
            self.topics[topic].append(id_)

    def trim(self) -> None:
        """After each batch: what is over the length goes at its end."""
        for topic, ids in self.topics.items():
            self.lost[topic] = max(self.lost[topic], len(ids) - KEPT)

    def expire(self, topic: str) -> None:
        ids = self.topics[topic]
        if ids and self.clock() >= ids[-1].ms + AGE * 1000:
            self.lost[topic] = len(ids)

    def check(self, topics: list[str], after: Cursor, items: list[Event | Gap]) -> None:
        """Compare what was read after `after` with what there is."""
        for topic in topics:
            self.expire(topic)
        kept = {id_ for topic in topics for id_ in self.topics[topic][self.lost[topic] :]}
        assert ids_of(items) == sorted(id_ for id_ in kept if id_ > after)
        # Whatever is given, what was lost before it has been told.
        for place, item in enumerate(items):
            if isinstance(item, Gap):
                assert all(
                    position_of(earlier) <= item.after
                    for earlier in items[:place]
                    if isinstance(earlier, Event)
                )
        for topic in topics:
            lost = [id_ for id_ in self.topics[topic][: self.lost[topic]] if id_ > after]
            told = [gap for gap in gaps_of(items) if gap.topic == topic]
            unread = [id_ for id_ in lost if id_ not in kept]
            for id_ in unread:
                assert any(gap.after < id_ <= gap.until for gap in told) or after == ORIGIN
            if not lost:
                assert told == []
            if len(topics) == 1 and lost and after != ORIGIN:
                assert [(gap.after, gap.until) for gap in told] == [(after, lost[-1])]


async def play(log: EventLog, clock: FakeClock | None, steps: list[tuple[str, object]]) -> None:
    """Do `steps` to a log and to the model, and compare all that is read."""
    model = Model(await log.head(), clock if clock is not None else lambda: 0)
    for kind, what in steps:
        match kind, what:
            case "publish", list(batch):
                ids = await log.append_all([new_event(chosen, "tick", {}) for chosen in batch])
                for id_, chosen in zip(ids, batch, strict=True):
                    assert id_ is not None
                    model.published(id_, chosen)
                model.trim()
            case "read", (list(chosen), int(index), int(limit)):
                after = model.ids[index % len(model.ids)] if index else ORIGIN
                model.check(chosen, after, await read_all(log, chosen, after, limit))
            case "wait", int(milliseconds):
                assert clock is not None
                clock.advance(milliseconds)


@given(st.lists(publish | read | wait, max_size=30))
@settings(max_examples=300, deadline=None)
def test_a_log_in_memory_is_its_model(steps: list[tuple[str, object]]) -> None:
    """With a clock that goes forth and back."""
    clock = FakeClock()
    log = MemoryEventLog(clock=clock, retention=RETENTION)
    asyncio.run(play(log, clock, steps))


@given(steps=st.lists(publish | read, min_size=5, max_size=25))
@settings(
    max_examples=40,
    deadline=None,
    # The server is the session's; each example has a prefix of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_log_in_redis_is_its_model(redis_server: Server, steps: list[tuple[str, object]]) -> None:
    """The same property over the scripts that a deployment runs."""

    async def run() -> None:
        log = RedisEventLog(
            redis_server.url,
            prefix=f"test-{secrets.token_hex(6)}",
            retention=RetentionPolicy(Retention(KEPT)),
        )
        await play(log, None, steps)
        await log.close()

    asyncio.run(run())
