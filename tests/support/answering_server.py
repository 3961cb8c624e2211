"""A Redis that a test plays: it answers every command as the test says, or not yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Self, cast

import hiredis

#: The words of a command.
Words = tuple[bytes, ...]
#: What a test answers a command with, as it stands on the wire; None holds it, and all
#: that comes behind it on its connection, until `AnsweringServer.go_on`.
Answer = Callable[[Words], bytes | None]

OK: Final = b"+OK\r\n"
NOSCRIPT: Final = b"-NOSCRIPT No matching script.\r\n"
READONLY: Final = b"-READONLY You can't write against a read only replica.\r\n"
MASTER: Final = b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"


class Peer(asyncio.Protocol):
    """One connection to an `AnsweringServer`.

    Attributes:
        writes: the commands that came at once, for each time that some came.
        gone: whether the other end has let go of it.
    """

    def __init__(self, server: AnsweringServer) -> None:
        self._server: Final = server
        self._reader: Final = hiredis.Reader()
        self._held: Final[list[Words]] = []
        self.writes: Final[list[list[Words]]] = []
        self.gone = False

    @property
    def commands(self) -> list[Words]:
        return [words for write in self.writes for words in write]

    @property
    def names(self) -> list[str]:
        return [words[0].decode() for words in self.commands]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.peers.append(self)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        came: list[Words] = []
        while (words := self._reader.gets()) is not False:
            came.append(tuple(cast("list[bytes]", words)))
        self.writes.append(came)
        self._held.extend(came)
        self.answer()

    def answer(self) -> None:
        while self._held:
            answer = self._server.answer(self._held[0])
            if answer is None:
                return
            del self._held[0]
            self.transport.write(answer)

    @property
    def holds(self) -> bool:
        """Whether it owes an answer."""
        return bool(self._held)

    def connection_lost(self, _error: Exception | None) -> None:
        self.gone = True


class AnsweringServer:
    """Listens on a port of its own, for as long as the context lasts.

    Attributes:
        answer: what each command is answered with; a test changes it.
        peers: every connection there was, the oldest first.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.peers: Final[list[Peer]] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()

    @property
    def here(self) -> list[Peer]:
        """Connections that are not gone."""
        return [peer for peer in self.peers if not peer.gone]

    @property
    def holding(self) -> list[Peer]:
        """Connections that are owed an answer."""
        return [peer for peer in self.here if peer.holds]

    def go_on(self, answer: Answer | None = None) -> None:
        """Answer what was held, by `answer` from now on if one is given."""
        self.answer = answer or self.answer
        for peer in self.here:
            peer.answer()
