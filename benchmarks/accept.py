"""What a start costs the server, and each new connection: its processor time, to the first bytes.

    python benchmarks/accept.py [CONNECTIONS]

`streamer serve` with a Redis of its own: until ``/readyz`` answers 200; then streams that are
opened as clients without a coding and as browsers open them, over server-sent events and over
WebSocket, some at a time, all held open. Closing them is not measured.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from typing import Final

from bench import machine
from bench.arena import Arena, arena
from bench.servers import SERVERS

#: Connections that are opened before any is read: as a crowd comes.
AT_ONCE: Final = 16
ROUNDS: Final = 3

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
#: Fields of each kind of client.
CLIENTS: Final = {
    "server-sent events": b"Accept: text/event-stream\r\n",
    "server-sent events, of a browser": b"Accept: text/event-stream\r\n" + _AGENT,
    "WebSocket": _UPGRADE,
    "WebSocket, of a browser": _UPGRADE + _OFFER + _AGENT,
}


def opened(port: int, fields: bytes, count: int) -> list[socket.socket]:
    """`count` streams of one topic, each with its first bytes read."""
    request = b"GET /api/v1/stream?topic=projects/p1 HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % fields
    streams: list[socket.socket] = []
    while len(streams) < count:
        batch = []
        for _ in range(min(AT_ONCE, count - len(streams))):
            stream = socket.create_connection(("127.0.0.1", port))
            stream.sendall(request)
            batch.append(stream)
        for stream in batch:
            received = b""
            while b"\r\n\r\n" not in received or received.endswith(b"\r\n\r\n"):
                data = stream.recv(65536)
                if not data:
                    raise RuntimeError(f"no stream was opened: {received!r}")
                received += data
            if not received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
                raise RuntimeError(f"no stream was opened: {received!r}")
        streams += batch
    return streams


def cost(place: Arena, fields: bytes, count: int) -> float:
    """Seconds of the server's processor for each of `count` new streams."""
    before = place.process.cpu_seconds()
    streams = opened(place.port, fields, count)
    taken = place.process.cpu_seconds() - before
    for stream in streams:
        stream.close()
    idle = place.process.cpu_seconds()
    while True:  # until it has let go of them
        time.sleep(0.05)
        if (now := place.process.cpu_seconds()) - idle < 0.02:
            return taken / count
        idle = now


def main(count: int) -> None:
    """Measure and print."""
    layout = machine.layout(shared=True)
    machine.raise_file_limit()
    os.sched_setaffinity(0, layout.load)
    starts = []
    for _ in range(ROUNDS):
        with arena(SERVERS["streamer"], layout) as place:
            starts.append(place.process.cpu_seconds())
    print(f"a start, until it is ready: {statistics.median(starts):.2f} s", flush=True)
    with arena(SERVERS["streamer"], layout) as place:
        costs: dict[str, list[float]] = {name: [] for name in CLIENTS}
        first = opened(place.port, CLIENTS["WebSocket"], 1)  # so that the topic is open
        for _ in range(ROUNDS):
            for name, fields in CLIENTS.items():
                costs[name].append(cost(place, fields, count))
        first[0].close()
    for name, seconds in costs.items():
        each = max(statistics.median(seconds), 1e-6)  # the clock of a process ticks in 10 ms
        print(f"{name + ':':34} {each * 1e6:4.0f} µs each, {1 / each:6,.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
