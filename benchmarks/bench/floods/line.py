"""A client's end of a TCP connection, as an attacker holds it: raw, read only on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
from typing import Self

#: The flooder has an address of its own: limits for each client are about it alone.
ADDRESS = "127.0.0.2"
#: A port is chosen as the connection is made, so that many can be short-lived.
_IP_BIND_ADDRESS_NO_PORT = 24
#: What the kernel takes for a client that does not read: as little as possible.
_UNREAD_BYTES = 4096
#: Seconds between two looks at whether it was closed.
_LOOK = 0.25


class Line:
    """One connection; a context manager that closes it, abortively."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._rest = b""

    @classmethod
    async def open(cls, port: int, *, reads: bool = True) -> Self:
        line = socket.socket()
        line.settimeout(0.0)
        if not reads:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD_BYTES)
        line.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        line.bind((ADDRESS, 0))
        try:
            await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
        except BaseException:
            line.close()
            raise
        return cls(line)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._line, data)

    async def read(self, size: int = 1 << 18) -> bytes:
        """What has come.

        Raises:
            ConnectionError: the server closed it.
        """
        data = await asyncio.get_running_loop().sock_recv(self._line, size)
        if not data:
            raise ConnectionResetError("closed")
        return data

    async def ask(self, head: str, body: bytes = b"") -> int:
        """The status that a request is answered with, its body read."""
        await self.send(f"{head} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + _with_length(body))
        data = self._rest
        while b"\r\n\r\n" not in data:
            data += await self.read()
        answer, _, rest = data.partition(b"\r\n\r\n")
        found = re.search(rb"\r\ncontent-length: *(\d+)", answer, re.IGNORECASE)
        left = int(found[1]) if found else 0
        while len(rest) < left:
            left -= len(rest)
            rest = await self.read()
        self._rest = rest[left:]
        return int(answer[9:12])

    def is_cut(self) -> bool:
        """Whether the server closed it, as far as that is seen without reading."""
        poll = select.poll()
        poll.register(self._line, select.POLLRDHUP)
        return bool(poll.poll(0))

    async def cut(self) -> None:
        """Return when the server has closed it; unread, nothing wakes us for that."""
        while not self.is_cut():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)

    def status(self) -> int | None:
        """The status of an answer that has come, if any has."""
        with contextlib.suppress(OSError):
            found = re.match(rb"HTTP/1.1 (\d{3})", self._line.recv(4096))
            return int(found[1]) if found else None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()


def _with_length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body) if body else b"\r\n"
