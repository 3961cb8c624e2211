"""What `?rate=` saves: readers of one topic under much progress, each event as it comes or merged.

    python benchmarks/rates.py [READERS] [EVENTS A SECOND] [JOBS]

The product's feed and cohorts, with uvloop and real sockets, whose other ends another process
reads. For each rate a line: batches and bytes that a reader received, deliveries of events in a
second, and the processor time of the writing process, of one core.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import selectors
import socket
import sys
import time
from multiprocessing.connection import Connection as Pipe

import uvloop
from pass_time import Connection, Nobody, live_feed, live_session

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.hub.limits import HubLimits
from streamer.hub.reader import Reader
from streamer.hub.throttled import interval_of
from streamer.metrics import Silent

FIELDS = b'{"project_id":"p1","job_id":"j%d","task_name":"encode","progress":%.3f,"message":"%b"}'
MESSAGE = b"x" * 70
SECONDS = 5.0
RATES = (0.0, 10.0, 1.0)


class Counting(Silent):
    """Counts deliveries."""

    def __init__(self) -> None:
        self.events = 0

    def delivered(self, readers: int, events: int, _oldest: int) -> None:
        """Add those of one batch."""
        self.events += readers * events


def receive(port: int, readers: int, pipe: Pipe) -> None:
    """Read everything on so many connections; on request say how many bytes there were."""
    selector = selectors.DefaultSelector()
    for _ in range(readers):
        one = socket.create_connection(("127.0.0.1", port))
        one.settimeout(0.0)
        selector.register(one, selectors.EVENT_READ)
    selector.register(pipe, selectors.EVENT_READ)
    pipe.send("connected")
    received = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is pipe:
                if pipe.recv() == "end":
                    return
                pipe.send(received)
                received = 0
            elif isinstance(key.fileobj, socket.socket):
                received += len(key.fileobj.recv(1 << 20))


async def measure(
    accepted: list[Connection], pipe: Pipe, rate: float, per_second: float, jobs: int
) -> str:
    """Publish for some seconds to all of `accepted`; return what it took."""
    limits, counting = HubLimits(), Counting()
    feed = live_feed(limits, metrics=counting)
    for connection in accepted:
        session = live_session(feed, limits)
        feed.join(Reader(session, connection, feed, Nobody(), interval=interval_of(rate)))
    await asyncio.to_thread(ask, pipe)
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(round(SECONDS * per_second)):
        wait = began + number / per_second - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        fields = FIELDS % (number % jobs, number % 1000 / 1000, MESSAGE)
        feed.push([Event(Cursor(2000 + number, 0), "progress", feed.topics, fields)])
    await asyncio.sleep(interval_of(rate))  # the last batch
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    received = await asyncio.to_thread(ask, pipe)
    return (
        f"{'each event' if not rate else f'rate={rate:g}':>10}: "
        f"{counting.events / seconds:9,.0f} deliveries/s, "
        f"{received / len(accepted) / seconds / 1000:7.2f} kB/s a reader, "
        f"{100 * cpu / seconds:5.1f} % of a core"
    )


def ask(pipe: Pipe) -> int:
    """How many bytes were received since it was last asked."""
    pipe.send("count")
    received: int = pipe.recv()
    return received


async def main(readers: int, per_second: float, jobs: int) -> None:
    """Print a line for each rate."""
    print(f"{readers} readers of one topic, {per_second:g} events/s of {jobs} jobs")
    for rate in RATES:
        accepted: list[Connection] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda to=accepted: Connection(to),  # type: ignore[misc]
            "127.0.0.1",
            0,
            backlog=4096,
        )
        ours, theirs = multiprocessing.Pipe()
        port = server.sockets[0].getsockname()[1]
        spawn = multiprocessing.get_context("spawn")
        reading = spawn.Process(target=receive, args=(port, readers, theirs), daemon=True)
        reading.start()
        await asyncio.to_thread(ours.recv)
        for _ in range(1000):
            if len(accepted) == readers:
                break
            await asyncio.sleep(0.01)
        print(await measure(accepted, ours, rate, per_second, jobs))
        ours.send("end")
        await asyncio.to_thread(reading.join)
        server.close()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    given = [int(text) for text in sys.argv[1:]]
    uvloop.run(main(*(given + [1000, 500, 5][len(given) :])))
