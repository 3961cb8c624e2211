"""permessage-deflate: each event compressed once for all, beside not at all and once for each.

    python benchmarks/deflate.py [READERS]

Real sockets, uvloop, the product's feed and cohorts: the time of a pass to all readers, of
plain frames and of compressed ones in turn, and the bytes of either. `once for each` is
what a WebSocket library does by itself, without its writes.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import statistics
import sys
import time

import uvloop
from pass_time import Connection, Nobody, connect, drain
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.snapshot import Snapshot
from streamer.hub.fan_out import FanOut
from streamer.hub.feed import Feed
from streamer.hub.limits import HubLimits
from streamer.hub.reader import Reader
from streamer.hub.session import Session
from streamer.wire.deflated import Deflated
from streamer.wire.form import Form, encode
from streamer.wire.websocket import FRAMES
from streamer.wire.windows import Windows

TURNS = 10
PASSES = 40
START = Cursor(1_738_483_210_123, 0)


def event(number: int) -> Event:
    """An event as a worker publishes it: 350 bytes as a frame."""
    fields = (
        b'{"project_id":"p1","job_id":"8f3c6a52-d0b1-4f6e-9c51-2b7a90e4d1c3","task_name":"encode",'
        b'"progress":0.%03d,"status":"in_progress","message":"Transcoding frame %d of 1200",'
        b'"metadata":{"fps":%d.%d,"eta":%d,"bitrate":"%d kbit/s","speed":"1.%02dx"}}'
        % (number, number, number * 7 % 60, number % 10, 1200 - number, number * 37 % 4000, number)
    )
    id_ = Cursor(START.ms + 137 * number, 0)
    return Event(id_, "progress", ("projects/p1",), fields)


async def passes(
    connections: list[Connection], clients: list[socket.socket], form: Form
) -> list[float]:
    """Seconds of processor for each pass to all of `connections`."""
    loop = asyncio.get_running_loop()
    # Each pass is measured: none waits for the next.
    limits = HubLimits(company_seconds=0.0)
    feed = Feed(
        ("projects/p1",),
        {"projects/p1": Snapshot(cursor=START)},
        position=START,
        max_events=1000,
        max_bytes=1 << 20,
        limits=limits,
        fan_out=FanOut(),
        call_soon=loop.call_soon,
    )
    for connection in connections:
        connection.form = form
        session = Session(feed.topics, START, limits=limits)
        session.next_step(feed.tail)  # live
        feed.join(Reader(session, connection, feed, Nobody()))
    taken = []
    for number in range(1, PASSES + 1):
        began = time.process_time()
        feed.push([event(number)])
        for _ in range(len(connections) // limits.cohort_readers + 3):
            await asyncio.sleep(0)
        taken.append(time.process_time() - began)
        drain(clients)
    return taken


def once_for_each(readers: int) -> tuple[float, float]:
    """Seconds to compress an event for each of `readers`, and its bytes, of the plain ones."""
    mine = [
        PerMessageDeflate(
            remote_no_context_takeover=False,
            local_no_context_takeover=False,
            remote_max_window_bits=15,
            local_max_window_bits=15,
        )
        for _ in range(readers)
    ]
    seconds, coded, plain = [], 0, 0
    for number in range(PASSES):
        text = Frame(Opcode.TEXT, event(number).body)
        began = time.perf_counter()
        encoded = [extension.encode(text) for extension in mine]
        seconds.append(time.perf_counter() - began)
        coded += len(encoded[0].data) + 2
        plain += len(FRAMES.event(event(number)))
    return statistics.median(seconds), coded / plain


async def main(readers: int) -> None:
    """Measure and print."""
    connections, clients = await connect(readers)
    compressing = Deflated(FRAMES, Windows(time.monotonic))
    times: dict[Form, list[float]] = {FRAMES: [], compressing: []}
    ratios = []
    for _ in range(TURNS):
        found = []
        for form in times:
            taken = await passes(connections, clients, form)
            times[form] += taken
            found.append(statistics.median(taken))
        ratios.append(found[0] / found[1])
    feed = compressing.for_feed()
    plain = [len(encode(FRAMES, [event(number)])) for number in range(1000)]
    coded = [len(encode(feed, [event(number)])) for number in range(1000)]
    each, bytes_of_each = once_for_each(readers)
    print(f"{readers} readers, an event of {sum(plain) // len(plain)} bytes a frame")
    for name, form in (("plain", FRAMES), ("once for all", compressing)):
        print(f"  a pass, {name + ':':14} {statistics.median(times[form]) * 1000:6.2f} ms")
    print(f"  deliveries, of the plain ones:  {statistics.median(ratios):.2f}")
    print(f"  bytes, of the plain ones:       {sum(coded) / sum(plain):.3f}")
    print(f"  to compress once for each:      {each * 1000:.2f} ms, {bytes_of_each:.3f}")


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
