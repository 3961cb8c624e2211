"""The floods: each a function of its name, which goes on until it is done or cancelled."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field

from .line import Line

#: Seconds after which a connection that was cut is made again.
_AGAIN = 1.0
#: Seconds between two bytes of who is slow.
_SLOW = 0.5
_FILLING = "x" * 50_000
_TRAILERS = b"".join(b"X-%04d: %b\r\n" % (n, b"x" * 1000) for n in range(64))
_EVENTS = "/api/v1/projects/flood/events"


@dataclass
class Flooder:
    """Where the flood goes, and what it gets."""

    port: int
    count: int
    got: Counter[str] = field(default_factory=Counter)
    held: set[Line] = field(default_factory=set)

    async def hold(self, use: Callable[[Line], Awaitable[None]], *, reads: bool = True) -> None:
        """Use a connection for ever: once it is cut, make another."""
        while True:
            try:
                with await Line.open(self.port, reads=reads) as line:
                    self.held.add(line)
                    try:
                        await use(line)
                        await line.cut()
                        self._cut(line)
                    except OSError:
                        self._cut(line)
                    finally:
                        self.held.discard(line)
            except OSError:
                self.got["refused"] += 1
            await asyncio.sleep(_AGAIN)

    def _cut(self, line: Line) -> None:
        status = line.status()
        self.got["cut" if status is None else f"{status}, cut"] += 1

    async def ask_all(self, connections: int, requests: Iterable[tuple[str, bytes]]) -> None:
        """Send requests over so many connections, one at a time over each."""
        left = iter(requests)
        await _together(self._ask_some(left) for _ in range(connections))

    async def _ask_some(self, left: Iterator[tuple[str, bytes]]) -> None:
        while True:
            try:
                with await Line.open(self.port) as line:
                    for head, body in left:
                        self.got[str(await line.ask(head, body))] += 1
                    return
            except OSError:
                self.got["cut"] += 1

    async def hold_all(self, use: Callable[[Line], Awaitable[None]], *, reads: bool = True) -> None:
        await _together(self.hold(use, reads=reads) for _ in range(self.count))


async def pings(flooder: Flooder) -> None:
    key = b"\0\0\0\0"  # with which a mask changes nothing
    batch = (b"\x89" + bytes([0x80 | 125]) + key + b"p" * 125) * 125

    async def use(line: Line) -> None:
        await line.send(
            b"GET /api/v1/projects/flood/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await line.read(256)
        while True:
            await line.send(batch)
            flooder.got["kB taken"] += len(batch) // 1000

    await flooder.hold_all(use, reads=False)


async def idle(flooder: Flooder) -> None:
    async def use(line: Line) -> None:
        """Nothing is sent."""

    await flooder.hold_all(use)


async def slow_heads(flooder: Flooder) -> None:
    await flooder.hold_all(_slow(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "))


async def slow_bodies(flooder: Flooder) -> None:
    head = f"POST {_EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    await flooder.hold_all(_slow(head.encode()))


def _slow(start: bytes) -> Callable[[Line], Awaitable[None]]:
    async def use(line: Line) -> None:
        await line.send(start)
        while not line.is_cut():
            await line.send(b"x")
            await asyncio.sleep(_SLOW)

    return use


async def trailers(flooder: Flooder) -> None:
    head = f"POST {_EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def use(line: Line) -> None:
        await line.send(head.encode() + b"2\r\n{}\r\n0\r\n")
        for _ in range(20 * (1 << 20) // len(_TRAILERS)):
            await line.send(_TRAILERS)
            flooder.got["kB sent"] += len(_TRAILERS) // 1000

    await flooder.hold_all(use)


async def prepare_polls(flooder: Flooder) -> None:
    body = json.dumps({"type": "log", "text": _FILLING}).encode()
    await flooder.ask_all(4, [(f"POST {_EVENTS}", body)] * 1000)


async def polls(flooder: Flooder) -> None:
    async def use(line: Line) -> None:
        await line.send(
            f"GET {_EVENTS}?limit=1000&after=0-0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )

    await flooder.hold_all(use, reads=False)


prepare_few_polls, few_polls = prepare_polls, polls


async def prepare_snapshots(flooder: Flooder) -> None:
    bodies = [
        {
            "topics": [f"jobs/flood{number}" for number in range(16)],
            "type": "progress",
            "progress": 0.5,
            "task_name": f"task {task}",
            "metadata": {"filling": _FILLING},
        }
        for task in range(64)
    ]
    await flooder.ask_all(4, [("POST /api/v1/events", json.dumps(b).encode()) for b in bodies])


async def snapshots(flooder: Flooder) -> None:
    topics = "&".join(f"topic=jobs/flood{number}" for number in range(16))
    await _stream_all(flooder, 5, [f"/api/v1/stream?{topics}"] * flooder.count)


prepare_lists = prepare_snapshots


async def lists(flooder: Flooder) -> None:
    await flooder.ask_all(2, [("GET /api/v1/jobs?limit=200", b"")] * flooder.count)


async def topics(flooder: Flooder) -> None:
    firsts = range(0, flooder.count, 16)
    bodies = (
        {"topics": [f"flood/{n}" for n in range(first, first + 16)], "type": "log"}
        for first in firsts
    )
    await flooder.ask_all(4, (("POST /api/v1/events", json.dumps(b).encode()) for b in bodies))


async def streams(flooder: Flooder) -> None:
    paths = (f"/api/v1/projects/flood{number}/stream" for number in range(flooder.count))
    await _stream_all(flooder, 20, paths)


async def jobs(flooder: Flooder) -> None:
    body = json.dumps({"kind": "transcode", "source": "sample"}).encode()
    await flooder.ask_all(8, [("POST /api/v1/projects/flood/jobs", body)] * flooder.count)


async def _stream_all(flooder: Flooder, at_once: int, paths: Iterable[str]) -> None:
    """Open streams, read each until it is live, and leave it."""
    left = iter(paths)

    async def some() -> None:
        for path in left:
            try:
                with await Line.open(flooder.port) as line:
                    await line.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    last = await line.read()
                    flooder.got[last[9:12].decode()] += 1
                    while b"caught_up" not in last and b"event: reconnect" not in last:
                        flooder.got["kB read"] += len(last) // 1000
                        last = last[-20:] + await line.read()
            except OSError:
                flooder.got["cut"] += 1

    await _together(some() for _ in range(at_once))


async def _together(parts: Iterable[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
