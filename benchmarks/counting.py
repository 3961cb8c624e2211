"""What counting costs: a pass to readers, and a publish, counted and not counted.

    python benchmarks/counting.py pass|publish silent|counting [READERS] [TIMES]

The product's feed and publisher; sockets are /dev/null, and the log takes everything at
once. On a machine where timings are noise, count instructions: run it under
``valgrind --tool=callgrind --callgrind-out-file=/dev/null`` with TIMES and with twice as many; the
difference is what the added ones cost.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

from streamer.eventlog.base import BatchKey, EventLog
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.new_event import NewEvent, new_event
from streamer.events.snapshot import Snapshot
from streamer.hub.fan_out import FanOut
from streamer.hub.feed import Feed
from streamer.hub.limits import HubLimits
from streamer.hub.reader import Reader
from streamer.hub.session import Session
from streamer.metrics import SILENT, Metrics
from streamer.prometheus.counting import Counting
from streamer.publishing.publisher import Publisher
from streamer.wire.sse import NAMED_CHUNKED

FIELDS = b'{"project_id":"p1","task_name":"encode","progress":0.5,"message":"%b"}' % (b"x" * 90)


class Sink:
    """A writer to a socket that takes everything."""

    form = NAMED_CHUNKED
    full = lost = False
    taker = None

    def __init__(self) -> None:
        self._file = os.open(os.devnull, os.O_WRONLY)

    def descriptor(self) -> int:
        """Its socket."""
        return self._file


class Taking:
    """A log that takes everything at once."""

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """Take them."""
        del batch
        return [Cursor(1, 1)] * len(events)


class Nobody:
    """A host for readers that never lag."""

    metrics = SILENT


async def passes(metrics: Metrics, readers: int, times: int) -> float:
    """Seconds for each pass to `readers`."""
    start, limits = Cursor(1000, 0), HubLimits(busy=1.0)
    feed = Feed(
        ("projects/p1",),
        {"projects/p1": Snapshot(cursor=start)},
        position=start,
        max_events=100,
        max_bytes=1 << 20,
        limits=limits,
        fan_out=FanOut(io_uring=False),
        metrics=metrics,
        call_soon=asyncio.get_running_loop().call_soon,
    )
    for _ in range(readers):
        session = Session(feed.topics, start, limits=limits)
        session.next_step(feed.tail)  # live
        feed.join(Reader(session, cast("Any", Sink()), feed, cast("Any", Nobody())))
    began = time.perf_counter()
    for number in range(times):
        feed.push([Event(Cursor(2000 + number, 0), "note", feed.topics, FIELDS)])
    return (time.perf_counter() - began) / times


async def publishes(metrics: Metrics, times: int) -> float:
    """Seconds for each publish, one after the other."""
    publisher = Publisher(cast("EventLog", Taking()), metrics=metrics)
    event = new_event("projects/p1", "note", {})
    began = time.perf_counter()
    for _ in range(times):
        await publisher.append(event)
    return (time.perf_counter() - began) / times


def main(what: str, how: str, readers: int = 1, times: int = 2000) -> None:
    """Print the microseconds of one."""
    metrics = Counting() if how == "counting" else SILENT
    took = passes(metrics, readers, times) if what == "pass" else publishes(metrics, times)
    print(f"{what} {how}: {asyncio.run(took) * 1e6:.2f} us")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
