"""A reader that takes nothing of a stream until it is let."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .live import Live
from .waiting import DEADLINE


class SlowReader:
    """A connection whose socket holds little.

    Attributes:
        wire: all that it has read.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket: Final = sock
        self._task: asyncio.Task[None] | None = None
        self.wire = b""

    def begin(self) -> None:
        """Read from now on, to the end of the connection."""
        self._task = asyncio.create_task(self._read())

    async def is_over(self) -> None:
        """Wait until the server has closed it."""
        assert self._task is not None
        await asyncio.wait_for(self._task, DEADLINE)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, 65536):
            self.wire += data


@asynccontextmanager
async def slow_reader(live: Live, path: str, coding: str) -> AsyncIterator[SlowReader]:
    """Ask for a stream in `coding`, and read nothing of it yet."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", live.port))
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {coding}\r\n"
        await loop.sock_sendall(sock, f"{head}Connection: close\r\n\r\n".encode())
        yield SlowReader(sock)
