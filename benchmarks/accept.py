"""What a start costs the server, and each new connection: processor time, to the first bytes.

    python benchmarks/accept.py [CONNECTIONS]

`streamer serve` with a Redis of its own: until ``/readyz`` answers 200; then streams that are
opened as clients without a coding and as browsers open them, over server-sent events and over
WebSocket, some at a time, all held open. The same of the usual Python way, and of nginx with
Nchan if it is installed, in turn. Closing them is not measured.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final, NamedTuple

from bench import machine
from bench.arena import Arena, arena
from bench.load import Transport
from bench.servers import SERVERS

#: Connections that are opened before any is read: as a crowd comes.
AT_ONCE: Final = 16
ROUNDS: Final = 5
#: Ours, and those it is measured beside.
CONTENDERS: Final = ("streamer", "queue-per-reader", "nchan")

_AGENT: Final = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/130.0.0.0 Safari/537.36\r\nAccept-Language: en-US,en;q=0.9\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nSec-Fetch-Site: same-origin\r\n"
)
_UPGRADE: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_OFFER: Final = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


class Client(NamedTuple):
    """A kind of client."""

    name: str
    transport: Transport
    fields: bytes


CLIENTS: Final = (
    Client("server-sent events", "sse", b"Accept: text/event-stream\r\n"),
    Client("server-sent events, of a browser", "sse", b"Accept: text/event-stream\r\n" + _AGENT),
    Client("WebSocket", "websocket", _UPGRADE),
    Client("WebSocket, of a browser", "websocket", _UPGRADE + _OFFER + _AGENT),
)


def opened(place: Arena, client: Client, count: int) -> list[socket.socket]:
    """`count` streams of one topic, each with its first bytes read."""
    face = place.face(client.transport)
    head = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % face.read_path.format(0).encode()
    streams: list[socket.socket] = []
    while len(streams) < count:
        batch = []
        for _ in range(min(AT_ONCE, count - len(streams))):
            stream = socket.create_connection(("127.0.0.1", place.port))
            stream.sendall(head + client.fields + b"\r\n")
            batch.append(stream)
        for stream in batch:
            _read_first(stream, has_greeting=face.greeting is not None)
        streams += batch
    return streams


def _read_first(stream: socket.socket, *, has_greeting: bool) -> None:
    """Read a head, and what begins behind it if the server greets."""
    received = end = greeting = b""
    while not end or (has_greeting and not greeting):
        data = stream.recv(65536)
        if not data:
            raise RuntimeError(f"no stream was opened: {received!r}")
        received += data
        _, end, greeting = received.partition(b"\r\n\r\n")
    if not received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
        raise RuntimeError(f"no stream was opened: {received!r}")


def cost(place: Arena, client: Client, count: int) -> float:
    """Seconds of the server's processor for each of `count` new streams."""
    before = place.process.cpu_seconds()
    streams = opened(place, client, count)
    taken = place.process.cpu_seconds() - before
    for stream in streams:
        stream.close()
    idle = place.process.cpu_seconds()
    while True:  # until it has let go of them
        time.sleep(0.05)
        if (now := place.process.cpu_seconds()) - idle < 0.02:
            return taken / count
        idle = now


def starts(layout: machine.Layout) -> Iterator[float]:
    """Processor seconds of a start, until it is ready, each time."""
    for _ in range(ROUNDS):
        with arena(SERVERS["streamer"], layout) as place:
            yield place.process.cpu_seconds()


def main(count: int) -> None:
    """Measure and print."""
    layout = machine.layout(shared=True)
    machine.raise_file_limit()
    os.sched_setaffinity(0, layout.load)
    start = statistics.median(starts(layout))
    print(f"a start, until it is ready: {start:.2f} s", flush=True)
    with ExitStack() as stack:
        places = [
            stack.enter_context(arena(SERVERS[name], layout))
            for name in CONTENDERS
            if SERVERS[name].missing() is None
        ]
        for place in places:
            stack.callback(opened(place, CLIENTS[2], 1)[0].close)  # so that the topic is open
        for client in CLIENTS:
            costs: dict[str, list[float]] = {place.server.title: [] for place in places}
            for _ in range(ROUNDS):
                for place in places:
                    costs[place.server.title].append(cost(place, client, count))
            print(f"\n{client.name}")
            for title, seconds in costs.items():
                each = max(statistics.median(seconds), 1e-6)  # the clock ticks in 10 ms
                print(f"  {title + ':':36} {each * 1e6:4.0f} µs each, {1 / each:6,.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
