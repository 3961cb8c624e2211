"""The guarantee as a property: under any interleaving, nothing missing, nothing twice."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streamer import feed, feeds, session
from streamer.cursor import ORIGIN, Cursor
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory import MemoryEventLog
from streamer.eventlog.redis import RedisEventLog
from streamer.feeds import TailLimits
from streamer.retention import Retention, RetentionPolicy
from support.pausing import PausingEventLog
from support.servers import FakeClock, Server
from support.turning import TurningLoop, WaitingLoop
from support.world import TOPICS, Client, World


@dataclass(frozen=True)
class Bounds:
    """How small everything is made, so that every edge is met."""

    retention: int
    tail_events: int
    slice: int
    page_events: int
    page_bytes: int
    unfolded: int
    resting: int

    @contextmanager
    def apply(self) -> Iterator[None]:
        with (
            patch.object(feed, "SLICE", self.slice),
            patch.object(feed, "MAX_UNFOLDED", self.unfolded),
            patch.object(feeds, "PAGE_EVENTS", self.page_events),
            patch.object(feeds, "MAX_RESTING", self.resting),
            patch.object(session, "PAGE_BYTES", self.page_bytes),
        ):
            yield


BOUNDS = st.builds(
    Bounds,
    retention=st.sampled_from([3, 8, 1000, 1]),
    tail_events=st.sampled_from([1000, 4, 1, 0]),
    slice=st.sampled_from([512, 1, 2]),
    page_events=st.sampled_from([100, 3, 1]),
    page_bytes=st.sampled_from([65536, 1]),
    unfolded=st.sampled_from([256, 1]),
    resting=st.sampled_from([256, 0]),
)

_sets = st.sampled_from([("a",), ("b",), ("a", "b"), ("b", "a", "jobs/j"), ("jobs/j",)])
_who = st.integers(0, 5)


@dataclass(frozen=True)
class Publish:
    topics: tuple[str, ...]
    kind: str
    times: int

    def do(self, world: World) -> None:
        for _ in range(self.times):
            world.publish(self.topics, self.kind)


@dataclass(frozen=True)
class Tick:
    """The log's clock goes on, so that ids have gaps between them."""

    def do(self, world: World) -> None:
        world.log._log._clock.advance(7)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Come:
    topics: tuple[str, ...]
    start: str | int
    high_water: int
    until_end: bool

    def do(self, world: World) -> None:
        if len(world.clients) < 6:
            world.attach(
                self.topics, _position(world, self.start), self.high_water, until_end=self.until_end
            )


@dataclass(frozen=True)
class Go:
    who: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is not None and not client.idle:
            client.detach()


@dataclass(frozen=True)
class Return:
    who: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is not None and client.idle and not client.oracle.ended:
            client.attach(None)


@dataclass(frozen=True)
class Take:
    who: int
    frames: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is not None:
            client.take(self.frames)


@dataclass(frozen=True)
class Change:
    """A client adds a topic, with a cursor of its own or without, or takes one off."""

    who: int
    topic: str
    after: str | int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is None or client.reader is None or client.working is not None:
            return
        if client.writer is None or client.writer.closed or client.oracle.until_end:
            return
        if client.reader.session.topics == (self.topic,):
            return
        # Who comes back to a topic and asks for what it had already is given it again.
        again = any(span.topic == self.topic for span in client.oracle.spans)
        client.change(self.topic, None if again else _position(world, self.after))


@dataclass(frozen=True)
class Turn:
    times: int

    def do(self, world: World) -> None:
        world.loop.turn(self.times)


@dataclass(frozen=True)
class Wait:
    """Time passes: retries and heartbeats."""

    def do(self, world: World) -> None:
        world.loop.advance(1.0)


@dataclass(frozen=True)
class Log:
    """Something happens to the log: its reads wait or fail, its notifications do."""

    what: str

    def do(self, world: World) -> None:
        log = world.log
        match self.what:
            case "pause":
                log.pausing = True
            case "let all":
                log.let_all()
            case "fail":
                log.failing = True
            case "work":
                log.failing = False
            case "hold":
                log.holding = True
            case "release":
                world.loop.inside(log.release)
            case "interrupt":
                world.interrupt()
            case "resume":
                world.resume()


@dataclass(frozen=True)
class LetOne:
    number: int

    def do(self, world: World) -> None:
        world.log.let_one(self.number)


def _pick(world: World, who: int) -> Client | None:
    return world.clients[who % len(world.clients)] if world.clients else None


def _position(world: World, start: str | int) -> Cursor | None:
    if start == "latest":
        return None
    if start == "earliest" or not world.record.events:
        return ORIGIN
    assert isinstance(start, int)
    return world.record.events[start % len(world.record.events)].id


Step = Publish | Tick | Come | Go | Return | Take | Change | Turn | Wait | Log | LetOne

_publish = st.builds(
    Publish,
    st.sampled_from([("a",), ("b",), ("a", "b"), ("jobs/j",), ("a", "jobs/j")]),
    st.sampled_from(["note", "progress", "typing", "completed"]),
    st.integers(1, 4),
)
_starts = st.sampled_from(["latest", "earliest"]) | st.integers(0, 30)
_come = st.builds(Come, _sets, _starts, st.sampled_from([1 << 20, 300, 1]), st.booleans())
_logs = ["pause", "pause", "let all", "hold", "release", "interrupt", "resume", "fail", "work"]
_step = st.one_of(
    _publish,
    _publish,
    _publish,
    _come,
    _come,
    st.builds(Turn, st.integers(1, 4)),
    st.builds(Turn, st.integers(1, 4)),
    st.builds(Take, _who, st.integers(1, 3)),
    st.builds(Take, _who, st.just(1000)),
    st.builds(LetOne, st.integers(0, 5)),
    st.builds(LetOne, st.integers(0, 5)),
    st.builds(Go, _who),
    st.builds(Return, _who),
    st.builds(Change, _who, st.sampled_from(TOPICS), _starts),
    st.builds(Log, st.sampled_from(_logs)),
    st.just(Tick()),
    st.just(Wait()),
)
# Short runs, which say at once what is wrong, and long ones, which find it.
_steps = st.lists(_step, max_size=20) | st.lists(_step, min_size=25, max_size=80)


@settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(bounds=BOUNDS, steps=_steps)
def test_every_reader_is_given_what_the_log_has_or_told_what_it_lost(
    bounds: Bounds, steps: list[Step]
) -> None:
    """Ids strictly increasing, nothing missing, nothing twice, a gap exactly when lost."""
    run(bounds, steps)


def run(bounds: Bounds, steps: list[Step]) -> None:
    """Take the steps, let everything come to rest, and compare."""
    _run(
        bounds, steps, TurningLoop(), lambda kept: MemoryEventLog(clock=FakeClock(), retention=kept)
    )


def _run(
    bounds: Bounds,
    steps: list[Step],
    loop: TurningLoop,
    open_log: Callable[[RetentionPolicy], EventLog],
) -> None:
    try:
        with bounds.apply():
            log = PausingEventLog(open_log(RetentionPolicy(Retention(bounds.retention))))
            world = World(log, loop, TailLimits(max_events=bounds.tail_events))
            for step in steps:
                step.do(world)
            world.settle()
            world.judge()
            world.leave()
            loop.run(log.close())
    finally:
        loop.finish()


_steps_of_others = st.lists(
    _step.filter(lambda step: not isinstance(step, Tick)), min_size=15, max_size=60
)


def test_the_same_over_a_real_redis(redis_server: Server) -> None:
    """Fewer runs, as each is slower: its clock is its own, and replies take their time."""

    @settings(
        max_examples=12,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink would take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(bounds=BOUNDS, steps=_steps_of_others)
    def over_redis(bounds: Bounds, steps: list[Step]) -> None:
        prefix = f"test-{secrets.token_hex(6)}"
        _run(
            bounds,
            steps,
            WaitingLoop(),
            lambda kept: RedisEventLog(redis_server.url, prefix=prefix, retention=kept),
        )

    over_redis()
