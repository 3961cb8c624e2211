"""Readers of what nobody publishes, which want their signs of life all the same."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

#: Seconds of silence on a connection that is up. A heartbeat is due every second; the rest
#: is what a loaded machine may take.
MOST_SILENCE: Final = 20.0
#: Seconds that a connection may take to begin, while the log is away.
_BEGIN: Final = 10.0
HANDSHAKE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
#: What a heartbeat is: a comment, and an empty ping (RFC 6455, section 5.5.2).
_BEATS: Final = {"sse": b"\n:\n", "websocket": b"\x89\x00"}

Wire = Literal["sse", "websocket"]


class Bystander:
    """One reader of a quiet topic, straight at the server, that comes back when it is cut.

    Attributes:
        beats: heartbeats that came.
        longest: seconds of the longest silence on a connection that was up.
        fault: what was missing.
    """

    def __init__(self, port: int, topic: str, wire: Wire) -> None:
        self.topic: Final = topic
        self.beats = 0
        self.longest = 0.0
        self.connected = False
        self._port: Final = port
        self._wire: Final[Wire] = wire
        self.fault: str | None = None
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
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def is_well(self) -> bool:
        """Return True, or raise that a heartbeat was missing."""
        assert self.fault is None, f"{self}: {self.fault}"
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return True

    def __str__(self) -> str:
        return (
            f"a bystander over {self._wire}: {self.beats} heartbeats, the longest silence "
            f"{self.longest:.1f} s"
        )

    async def _run(self) -> None:
        while self.fault is None:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._read()
            self.connected = False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.05)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            upgrade = HANDSHAKE if self._wire == "websocket" else ""
            head = f"GET /api/v1/stream?topic={quote(self.topic)}&heartbeat=1 HTTP/1.1"
            writer.write(f"{head}\r\nHost: 127.0.0.1\r\n{upgrade}\r\n".encode())
            async with asyncio.timeout(_BEGIN):
                await reader.readuntil(b"caught_up")
            self.connected = True
            await self._listen(reader, writer)
        finally:
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beat = _BEATS[self._wire]
        clock = asyncio.get_running_loop().time
        rest = b""
        while True:
            began = clock()
            data = await self._next(reader)
            self.longest = max(self.longest, clock() - began)
            if not data:
                return
            came = (rest + data).count(beat)
            # What may be the beginning of one; none is counted twice.
            rest = (rest + data)[-(len(beat) - 1) :]
            self.beats += came
            if self._wire == "websocket" and came:
                writer.write(b"\x8a\x80" + secrets.token_bytes(4))  # an empty pong, masked

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        reading = asyncio.create_task(reader.read(65536))
        try:
            # Twice: where our own loop stood still meanwhile, it is there at the second look.
            for seconds in (MOST_SILENCE, 0.5):
                done, _ = await asyncio.wait({reading}, timeout=seconds)
                if done:
                    return reading.result()
        finally:
            reading.cancel()
        self.fault = f"silence for {MOST_SILENCE:g} s where a heartbeat was due every second"
        return b""
