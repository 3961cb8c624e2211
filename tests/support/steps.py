"""What may happen to a hub, its log and its readers, one step each, and a run of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.control import Control
from streamer.events.cursor import ORIGIN, Cursor
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions, TailLimits

from .coded import coded_lines
from .pausing import PausingEventLog
from .servers import FakeClock
from .turning import TurningLoop
from .world import Client, World


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
    held: int = 10_000
    renewals: int = 10
    waiting: int = 1000
    windows: int = 256
    windows_at_least: float = 5.0

    def options(self) -> HubOptions:
        """Those of a hub; nobody in it is closed for being slow."""
        return HubOptions(
            tail=TailLimits(max_events=self.tail_events),
            limits=HubLimits(
                page_bytes=self.page_bytes,
                page_events=self.page_events,
                cohort_readers=self.slice,
                turn_readers=self.slice,
                unfolded_events=self.unfolded,
                resting_feeds=self.resting,
                held_events=self.held,
                renewals=self.renewals,
                waiting_events=self.waiting,
            ),
            send_timeout=1e9,
        )


@dataclass(frozen=True)
class Publish:
    topics: tuple[str, ...]
    kind: str
    times: int

    def do(self, world: World) -> None:
        for _ in range(self.times):
            world.publish(self.topics, self.kind)


@dataclass(frozen=True)
class Delete:
    topic: str

    def do(self, world: World) -> None:
        world.delete(self.topic)


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
    rate: float = 0.0
    coding: str = ""
    most: int = 6

    def do(self, world: World) -> None:
        if len(world.clients) < self.most:
            world.attach(
                self.topics,
                _position(world, self.start),
                self.high_water,
                until_end=self.until_end,
                rate=self.rate,
                coding=self.coding,
            )


@dataclass(frozen=True)
class Go:
    who: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is not None and not client.idle:
            client.detach()


@dataclass(frozen=True)
class End:
    """The server ends one of its streams, which has an end then."""

    who: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is None or client.reader is None or client.working is not None:
            return
        if client.writer is not None and client.writer.closed is None:
            client.end()


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
        again = self.topic in client.had
        client.change(self.topic, None if again else _position(world, self.after))


@dataclass(frozen=True)
class Ask:
    """A client asks for a word of its own, which is long enough to be compressed."""

    who: int

    def do(self, world: World) -> None:
        client = _pick(world, self.who)
        if client is None or client.reader is None or client.working is not None:
            return
        if client.writer is not None and client.writer.closed is None:
            pong = Control("pong", {"note": "longer than most events, " * 50})
            world.loop.inside(partial(client.reader.reply, pong))


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


Step = (
    Publish
    | Delete
    | Tick
    | Come
    | Go
    | End
    | Return
    | Take
    | Change
    | Ask
    | Turn
    | Wait
    | Log
    | LetOne
)


def run(bounds: Bounds, steps: Sequence[Step]) -> None:
    """Take the steps, let everything come to rest, and compare."""
    run_over(
        bounds, steps, TurningLoop(), lambda kept: MemoryEventLog(clock=FakeClock(), retention=kept)
    )


def run_over(
    bounds: Bounds,
    steps: Sequence[Step],
    loop: TurningLoop,
    open_log: Callable[[RetentionPolicy], EventLog],
) -> None:
    try:
        log = PausingEventLog(open_log(RetentionPolicy(Retention(bounds.retention))))
        forms = coded_lines(loop.time, bounds.windows, bounds.windows_at_least)
        world = World(log, loop, bounds.options(), forms)
        for step in steps:
            step.do(world)
        world.settle()
        world.judge()
        world.leave()
        loop.run(log.close())
    finally:
        loop.finish()
