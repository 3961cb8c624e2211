"""HTTP/1.1 by hand, to see chunks and connections as they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httptools

from .live import Live
from .waiting import DEADLINE


class RawClient:
    """One connection, of which every byte is written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, text: str | bytes) -> None:
        """Send `text`, with each LF as CRLF, or bytes as they are."""
        if isinstance(text, str):
            text = text.replace("\n", "\r\n").encode()
        self.writer.write(text)

    async def until(self, marker: bytes) -> bytes:
        """What came up to `marker`."""
        return await asyncio.wait_for(self._reader.readuntil(marker), DEADLINE)

    async def rest(self) -> bytes:
        """What came until the server closed the connection; a reset ends it too."""
        found = b""
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionResetError):
                while data := await self._reader.read(65536):
                    found += data
        return found


@asynccontextmanager
async def connect(live: Live) -> AsyncIterator[RawClient]:
    """A connection to `live`, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class Answer(NamedTuple):
    """One response.

    Attributes:
        whole: whether its end came.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.body)


class _Parsing:
    def __init__(self, wire: bytes) -> None:
        self.answers: list[Answer] = []
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parser.feed_data(wire)

    def on_message_begin(self) -> None:
        self.answers.append(Answer(0, [], b"", whole=False))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answers[-1].headers.append((name.decode().lower(), value.decode()))

    def on_headers_complete(self) -> None:
        self.answers[-1] = self.answers[-1]._replace(status=self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        self.answers[-1] = self.answers[-1]._replace(body=self.answers[-1].body + body)

    def on_message_complete(self) -> None:
        self.answers[-1] = self.answers[-1]._replace(whole=True)


def answers_in(wire: bytes) -> list[Answer]:
    """The responses that a server sent, none of them to a HEAD."""
    return _Parsing(wire).answers
