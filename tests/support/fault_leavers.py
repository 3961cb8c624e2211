"""Clients that come and leave at any moment, all the time, a few each second."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from streamer.events.cursor import Cursor

from .fault_bystanders import HANDSHAKE

#: Clients a second.
RATE: Final = 15.0
#: Seconds that one stays at most.
_STAY: Final = 0.03
#: Seconds that one may wait for its connection; then it gives up.
_PATIENCE: Final = 2.0


class Leavers:
    """Opens streams of every kind and leaves within 30 ms, by FIN or RST, without a word.

    Args:
        port: the server's own.
        topics: that others read.
        cursor: where others stand, to come back from there.

    Attributes:
        came: how many there were.
    """

    def __init__(
        self, port: int, topics: Sequence[str], cursor: Callable[[], Cursor | None], seed: int
    ) -> None:
        self.came = 0
        self._port: Final = port
        self._topics: Final = tuple(topics)
        self._cursor: Final = cursor
        self._random: Final = random.Random(seed)
        self._visits: Final[set[asyncio.Task[None]]] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Let nobody come any more, and wait until all have left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, *self._visits, return_exceptions=True)
            self.is_well()

    def is_well(self) -> bool:
        """Return True, or raise what went wrong here."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        return True

    def __str__(self) -> str:
        return f"{self.came} leavers, {len(self._visits)} of them there"

    async def _run(self) -> None:
        while True:
            visit = asyncio.create_task(self._visit(self._request()))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)
            self.came += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), 1 / RATE)

    def _request(self) -> bytes:
        draw = self._random
        nobodys = [f"projects/nobodys-{self.came}", f"nobodys/{self.came % 7}"]
        topics = draw.choice([self._topics[:1], self._topics, nobodys, [*self._topics, *nobodys]])
        query = "&".join(f"topic={quote(topic)}" for topic in topics)
        starts = ["", "&last_event_id=0-0", "&from=earliest", f"&last_event_id={self._cursor()}"]
        query += draw.choice(starts if self._cursor() is not None else starts[:3])
        upgrade = draw.choice(["", HANDSHAKE])
        request = (
            f"GET /api/v1/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade}\r\n".encode()
        )
        if draw.random() < 0.25:  # half a head
            return request[: draw.randrange(len(request))]
        if upgrade and draw.random() < 0.5:  # and a command, or half of one
            command = b'{"type":"subscribe","topic":"%s"}' % draw.choice(nobodys).encode()
            frame = bytes((0x81, 0x80 | len(command), 0, 0, 0, 0)) + command  # masked with zeros
            return request + frame[: draw.choice([len(frame), draw.randrange(len(frame))])]
        return request

    async def _visit(self, request: bytes) -> None:
        stay, resets = self._random.uniform(0, _STAY), self._random.random() < 0.5
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(request)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), stay)
            if resets:
                # Zero seconds of linger: close() sends RST (RFC 9293, section 3.10.4).
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            writer.close()
