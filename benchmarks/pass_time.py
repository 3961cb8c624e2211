"""How long a fan-out holds the event loop: the longest pause that anybody else sees.

    python benchmarks/pass_time.py [READERS]

Real sockets, uvloop, the product's feed and cohorts; a probe on the same loop asks for
its turn as often as it can, and the longest time between two of its turns is printed, for
several sizes of a cohort, as `HubLimits.cohort_readers` is the product's.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import statistics
import sys
import time
from typing import cast

import uvloop

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.snapshot import Snapshot
from streamer.hub.fan_out import FanOut
from streamer.hub.feed import Feed
from streamer.hub.limits import HubLimits
from streamer.hub.reader import Reader
from streamer.hub.session import ReadLog, Session
from streamer.metrics import SILENT, Metrics
from streamer.server.transport_writer import TransportWriter
from streamer.wire.form import Form
from streamer.wire.sse import NAMED_CHUNKED

FIELDS = b'{"project_id":"p1","task_name":"encode","progress":0.5,"message":"%b"}' % (b"x" * 90)
PASSES = 40


class Connection(TransportWriter, asyncio.Protocol):
    """A server's end of a connection."""

    form: Form = NAMED_CHUNKED

    def __init__(self, accepted: list[Connection]) -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._accepted.append(self)

    def close(self, code: int, reason: str) -> None:
        """Nothing is ended here."""


class Nobody:
    """A host for readers that never lag."""

    metrics = SILENT

    def read_log(self, reader: Reader, step: ReadLog) -> None: ...

    def stands(self, reader: Reader) -> None: ...

    def forget(self, reader: Reader) -> None: ...

    def start_drain(self, seconds: float) -> None: ...


async def connect(readers: int) -> tuple[list[Connection], list[socket.socket]]:
    """Both ends of so many connections."""
    accepted: list[Connection] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(accepted), "127.0.0.1", 0, backlog=4096)
    address = server.sockets[0].getsockname()
    clients = []
    for number in range(readers):
        client = socket.create_connection(address)
        client.settimeout(0.0)
        clients.append(client)
        if number % 64 == 0:
            await asyncio.sleep(0.002)
    for _ in range(1000):
        if len(accepted) == readers:
            return accepted, clients
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{len(accepted)} of {readers} connections were accepted")


def drain(clients: list[socket.socket]) -> None:
    """Read what has arrived."""
    for client in clients:
        with contextlib.suppress(BlockingIOError):
            client.recv(1 << 20)


def live_feed(limits: HubLimits, *, metrics: Metrics = SILENT) -> Feed:
    """A feed of one project, with an empty tail, as the hub makes one."""
    start = Cursor(1000, 0)
    return Feed(
        ("projects/p1",),
        {"projects/p1": Snapshot(cursor=start)},
        position=start,
        max_events=1000,
        max_bytes=1 << 20,
        limits=limits,
        fan_out=FanOut(),
        metrics=metrics,
        call_soon=asyncio.get_running_loop().call_soon,
    )


def live_session(feed: Feed, limits: HubLimits) -> Session:
    """The session of a reader who has seen all that `feed` was given."""
    session = Session(feed.topics, feed.tail.head, limits=limits)
    session.next_step(feed.tail)
    return session


async def longest_hold(
    connections: list[Connection], clients: list[socket.socket], limits: HubLimits
) -> float:
    """The median over passes of the longest time for which the loop was held, in seconds."""
    feed = live_feed(limits)
    for connection in connections:
        feed.join(Reader(live_session(feed, limits), connection, feed, Nobody()))
    holds = []
    for number in range(PASSES):
        start_of_pass = time.perf_counter()
        feed.push([Event(Cursor(2000 + number, 0), "progress", feed.topics, FIELDS)])
        # The first cohort is written to at once, within `push`.
        last = time.perf_counter()
        longest = last - start_of_pass
        # One cohort a turn: as many turns as there are cohorts, and some.
        for _ in range(len(connections) // limits.cohort_readers + 3):
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        holds.append(longest)
        drain(clients)
    return statistics.median(holds)


async def main(readers: int) -> None:
    """Print a line for each length of a slice."""
    chosen = HubLimits().cohort_readers
    connections, clients = await connect(readers)
    for length in (128, 256, 512, 1024, readers):
        limits = HubLimits(cohort_readers=length, busy=1.0)
        hold = await longest_hold(connections, clients, limits)
        mark = "  <- the product's" if length == chosen else ""
        print(f"{readers} readers, slices of {length:5}: held for {hold * 1000:6.2f} ms{mark}")


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
