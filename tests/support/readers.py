"""Real clients that read a stream into a list: SSE by a raw socket, WebSocket, poll."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import h11
import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .coded import CODINGS, Decoder, decoder_of
from .event_source import EventSourceParser, SourceEvent
from .waiting import wait_until


class SseReader:
    """One SSE connection; what came is in `events` and in the parser.

    Attributes:
        status, headers: of the response.
        ended: the body has ended as HTTP wants it to.
        cut: the connection was lost before that.
    """

    def __init__(self) -> None:
        self.parser = EventSourceParser()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self.cut = False
        self.raw = b""
        self._http = h11.Connection(h11.CLIENT)
        self._decoder: Decoder | None = None

    @property
    def events(self) -> list[SourceEvent]:
        return self.parser.events

    @property
    def data(self) -> list[str]:
        """Bodies of the events that have an id of their own."""
        return [event.data for event in self.events if "id" in event.body]

    @property
    def ids(self) -> list[str]:
        return [event.body["id"] for event in self.events if "id" in event.body]

    @property
    def types(self) -> list[str]:
        return [event.body["type"] for event in self.events]

    async def has(self, *types: str) -> None:
        """Wait until these types came, last and in this order."""
        await wait_until(
            lambda: self.types[-len(types) :] == list(types), f"{types} came not: {self.types}"
        )

    async def has_ids(self, ids: list[str]) -> None:
        """Wait until there are as many events; then they are these."""
        await wait_until(lambda: len(self.ids) >= len(ids), f"not {ids}: {self.ids}")
        assert self.ids == ids

    def request(self, target: str, headers: Mapping[str, str], method: str = "GET") -> bytes:
        """The request to send."""
        request = h11.Request(method=method, target=target, headers=list(headers.items()))
        return (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def feed(self, data: bytes) -> None:
        """Read what came; nothing, if the connection has ended."""
        self._http.receive_data(data)
        while not self.ended:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = {k.decode(): v.decode() for k, v in event.headers}
                coding = self.headers.get("content-encoding", "")
                self._decoder = decoder_of(coding) if coding in CODINGS else None
            elif isinstance(event, h11.Data):
                self.raw += bytes(event.data)
                if self.status == 200:
                    data = bytes(event.data)
                    self.parser.feed(data if self._decoder is None else self._decoder.feed(data))
            elif isinstance(event, h11.EndOfMessage):
                assert self._decoder is None or self._decoder.is_whole
                self.ended = True
            else:
                return

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Read until the response, or the connection, has ended."""
        data = b"-"
        while data and not self.ended:
            data = await reader.read(65536)
            self.feed(data)


@contextlib.asynccontextmanager
async def sse(
    url: str, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
) -> AsyncIterator[SseReader]:
    """Read an SSE stream until the block ends; the head of the answer has come."""
    parts = urlsplit(url)
    stream, writer = await asyncio.open_connection(parts.hostname, parts.port)
    client = SseReader()
    writer.write(client.request(path, {"Host": parts.netloc, **(headers or {})}, method))

    async def read() -> None:
        try:
            await client.run(stream)
        except (OSError, h11.RemoteProtocolError):
            client.cut = True

    task = asyncio.create_task(read())
    try:
        await wait_until(lambda: client.status or task.done(), f"no answer to {path}")
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class SocketReader:
    """One WebSocket connection; what came is in `frames`, as text."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[str] = []
        self.closed: tuple[int, str] | None = None

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(frame) for frame in self.frames]

    @property
    def data(self) -> list[str]:
        """Bodies of the events that have an id of their own."""
        return [frame for frame in self.frames if "id" in msgspec.json.decode(frame)]

    @property
    def ids(self) -> list[str]:
        return [body["id"] for body in self.bodies if "id" in body]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    async def has(self, *types: str) -> None:
        """Wait until these types came, last and in this order."""
        await wait_until(
            lambda: self.types[-len(types) :] == list(types), f"{types} came not: {self.types}"
        )

    async def has_ids(self, ids: list[str]) -> None:
        """Wait until there are as many events; then they are these."""
        await wait_until(lambda: len(self.ids) >= len(ids), f"not {ids}: {self.ids}")
        assert self.ids == ids

    async def has_ids_in_any_order(self, ids: set[str]) -> None:
        """Wait until these came, whatever else did: a backfill is older than what follows."""
        await wait_until(lambda: ids <= set(self.ids), f"not {ids}: {self.ids}")

    async def has_types(self, type_: str, count: int) -> None:
        """Wait until so many of a type came."""
        await wait_until(
            lambda: self.types.count(type_) >= count, f"{type_} came not: {self.types}"
        )

    async def is_closed(self) -> tuple[int, str]:
        """Wait for the close frame."""
        await wait_until(lambda: self.closed is not None, "the WebSocket was not closed")
        assert self.closed is not None
        return self.closed

    async def send(self, message: str | bytes | dict[str, Any]) -> None:
        if isinstance(message, dict):
            message = msgspec.json.encode(message).decode()
        await self.connection.send(message)

    async def run(self) -> None:
        try:
            async for frame in self.connection:
                assert isinstance(frame, str), "a binary frame"
                self.frames.append(frame)
        except ConnectionClosed:
            pass
        self.closed = (self.connection.close_code or 1006, self.connection.close_reason or "")


@contextlib.asynccontextmanager
async def websocket(
    url: str, path: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[SocketReader]:
    """Read a WebSocket until the block ends."""
    async with connect(url + path, additional_headers=dict(headers or {})) as connection:
        reader = SocketReader(connection)
        task = asyncio.create_task(reader.run())
        try:
            yield reader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def publish(client: httpx.AsyncClient, project: str, type_: str, **fields: Any) -> str:  # noqa: ANN401 - any JSON
    """Publish to a project; return the event's id."""
    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path, json={"type": type_, **fields})
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_
