"""How readers stand: counted by transport and state, those furthest behind first."""

from __future__ import annotations

from streamer.eventlog.memory.log import MemoryEventLog
from support.pausing import PausingEventLog
from support.servers import FakeClock
from support.steps import Bounds
from support.turning import TurningLoop
from support.world import World

BOUNDS = Bounds(1000, 1000, 512, 100, 65536, 256, 256)


def test_a_reader_that_lags_is_named_with_how_far_it_is_behind() -> None:
    clock = FakeClock()
    loop = TurningLoop()
    try:
        world = World(PausingEventLog(MemoryEventLog(clock=clock)), loop, BOUNDS.options())
        world.attach(("a",), None, 1 << 20, until_end=False)
        world.attach(("a",), None, 1, until_end=False)
        loop.turn(10)
        world.publish(("a",), "note")
        loop.turn(10)
        clock.advance(5000)
        world.publish(("a",), "note")
        loop.turn(10)
        standing = loop.run(world.hub.standing.look(5))
        states = {state: n for counts in standing.counts.values() for state, n in counts.items()}
        assert states == {"live": 1, "lagging": 1}
        (slow,) = standing.slowest
        assert slow.reader is world.clients[1].reader
        assert slow.events in {1, 2}
        assert slow.ms >= 5000
        assert standing.lag == slow.ms / 1000
        world.settle()
        world.leave()
    finally:
        loop.finish()
