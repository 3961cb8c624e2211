"""Readers that come back by themselves, over SSE, WebSocket and polling, and note all they see."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx
import websockets
from websockets.asyncio.client import connect

from streamer.events.cursor import Cursor

from .coded import decoder_of
from .fault_notes import Gap, Seen, View
from .waiting import DEADLINE, wait_until

#: Seconds of silence after which a reader takes its connection for dead; the
#: server is asked for a heartbeat every second.
SILENCE: Final = 3.0
#: The same where no silence is to be noticed: a machine that stalls is not taken for it.
PATIENCE: Final = 45.0
#: Seconds before a reader comes back: short, or a test would wait for its readers.
_PAUSE: Final = 0.05


class FaultReader(ABC):
    """One reader of one topic over all its connections.

    It breaks at once, with an `AssertionError` that `is_well` raises, when an id
    does not increase; all else is for the judge to say in the end.

    Attributes:
        start: the cursor of its first connection: what comes after is owed to it.
        seen: every durable event, in the order it came.
        gaps: every range it was told is lost.
        connections: how often it was connected.
        told: how often each control event came.
        refusals: statuses and close codes it was sent away with.
    """

    def __init__(self, url: str, topic: str, *, start: Cursor | None = None) -> None:
        self.url: Final = url
        self.topic: Final = topic
        self.start = start
        self.cursor = start
        self.seen: list[Seen] = []
        self.gaps: list[Gap] = []
        self.connections = 0
        self.told: dict[str, int] = {}
        self.refusals: list[str] = []
        self.live = False  # connected, and caught up
        #: Whether nobody may know how far the log had come: then it is led back.
        self.may_go_back = False
        self.fault: str | None = None
        #: Seconds before it comes back.
        self.pause = _PAUSE
        #: Seconds of silence that it takes.
        self.silence = SILENCE
        #: When each of its connections was over, by the event loop's clock.
        self.ends: list[float] = []
        #: What it was told to wait before it comes back, in milliseconds.
        self.retries: list[int] = []
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
        """Leave."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reach(self, cursor: Cursor, *, deadline: float = DEADLINE) -> None:
        """Wait until everything up to `cursor` was seen, or told to be lost."""
        await self._waits(
            lambda: self.cursor is not None and self.cursor >= cursor,
            f"a reader did not reach {cursor}",
            deadline,
        )

    def view(self, topic: str) -> View:
        """What it saw of `topic`."""
        assert topic == self.topic, f"{self} does not read {topic}"
        assert self.start is not None, f"{self} was never connected"
        return View(type(self).__name__, self.start, self.seen, self.gaps, several=False)

    @property
    def topics(self) -> tuple[str, ...]:
        """All that it reads."""
        return (self.topic,)

    @property
    def subscribed(self) -> tuple[str, ...]:
        """What a server counts it as a reader of, while it is connected."""
        return (self.topic,)

    async def is_live(self, *, deadline: float = DEADLINE) -> None:
        """Wait until it is connected and has caught up."""
        await self._waits(lambda: self.live, "a reader was never live", deadline)

    async def _waits(self, condition: Callable[[], bool], what: str, deadline: float) -> None:
        try:
            await wait_until(lambda: self.is_well() and condition(), what, deadline=deadline)
        except AssertionError as error:
            error.add_note(str(self))
            raise

    def is_well(self) -> bool:
        """Return True, or raise what this reader found wrong by itself."""
        assert self.fault is None, f"{self}: {self.fault}"
        return True

    def __str__(self) -> str:
        return (
            f"{type(self).__name__} of {self.topic} at {self.cursor}, connection "
            f"{self.connections}, {len(self.seen)} seen, gaps {self.gaps}, told {self.told}, "
            f"refused {self.refusals[-3:]}"
        )

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except (
                OSError,
                EOFError,
                TimeoutError,
                asyncio.LimitOverrunError,
                httpx.HTTPError,
                websockets.WebSocketException,
            ) as error:
                self.told[type(error).__name__] = self.told.get(type(error).__name__, 0) + 1
            except AssertionError as error:
                self.fault = str(error)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
                self.fault = repr(error)
                return
            self.live = False
            self.ends.append(asyncio.get_running_loop().time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), self.pause)

    @abstractmethod
    async def _read(self) -> None:
        """Connect once, from `cursor` on, and read until the connection is over."""

    def _take(self, body: dict[str, Any]) -> None:
        """Note one event or control event, whichever wire it came over."""
        kind = body["type"]
        if "id" in body:
            self._take_event(Cursor.parse(body["id"]), body)
            return
        self.told[kind] = self.told.get(kind, 0) + 1
        if kind == "connected":
            self._connected(Cursor.parse(body["cursor"]))
        elif kind == "caught_up":
            self.live = True
        elif kind == "gap":
            self._take_gap(body)
        elif kind == "reconnect":
            self.retries.append(body["retry_ms"])
        elif kind == "refused":
            self.refusals.append(body["code"])

    def _connected(self, cursor: Cursor) -> None:
        self.connections += 1
        if self.cursor is None:
            self.start = self.cursor = cursor
        assert cursor == self.cursor, f"came back from {self.cursor}, taken up at {cursor}"

    def _take_event(self, cursor: Cursor, body: dict[str, Any]) -> None:
        if self.cursor is None:  # a poller that never said where it starts
            self.start = self.cursor = Cursor(0, 0)
        assert cursor > self.cursor, f"{cursor} came after {self.cursor}: {body}"
        self.cursor = cursor
        self.seen.append(Seen(cursor, body))

    def _take_gap(self, body: dict[str, Any]) -> None:
        gap = Gap(Cursor.parse(body["after"]), Cursor.parse(body["until"]), body["reason"])
        assert self.cursor is not None
        cursor = Cursor.parse(body["cursor"])
        assert self.may_go_back or min(gap.until, cursor) >= self.cursor, f"{gap} at {self.cursor}"
        self.gaps.append(gap)
        self.cursor = cursor


class SseReader(FaultReader):
    """A raw EventSource: HTTP/1.1 by hand, and the parser of WHATWG HTML 9.2.6."""

    #: The content coding that it asks for; empty is none.
    coding = ""

    async def _read(self) -> None:
        parts = urlsplit(self.url)
        async with asyncio.timeout(self.silence):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            query, cursor = self._query()
            path = f"/api/v1/stream?{query}&heartbeat=1"
            resume = "" if cursor is None else f"Last-Event-ID: {cursor}\r\n"
            accept = f"Accept-Encoding: {self.coding}\r\n" if self.coding else ""
            head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{accept}{resume}\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(self.silence):
                answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = answer.split(" ", 2)[1]
            if status != "200":
                self.refusals.append(status)
                return
            await self._read_body(_Body(reader, answer))
        finally:
            writer.close()

    def _query(self) -> tuple[str, Cursor | None]:
        return f"topic={quote(self.topic)}", self.cursor

    async def _read_body(self, body: _Body) -> None:
        rest = b""
        fields: dict[str, str] = {}
        while True:
            async with asyncio.timeout(self.silence):
                data = await body.read()
            if not data:
                self.told["clean end"] = self.told.get("clean end", 0) + 1
                return  # what stands in `rest` and `fields` was cut off: it is no event
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line:
                    name, _, value = line.decode().partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "data" in fields:
                    self._dispatch(fields)
                fields = {}

    def _dispatch(self, fields: dict[str, str]) -> None:
        body = json.loads(fields["data"])
        name = "failed" if body["type"] == "error" and "id" in body else body["type"]
        assert fields.get("event") == name, fields
        if "id" in fields and "id" in body:
            assert fields["id"] == body["id"], fields
        if body["type"] in {"connected", "gap"} and "id" not in body:
            assert fields["id"] == body["cursor"], fields
        self._take(body)


class GzipReader(SseReader):
    """One that is in step with others, whenever it can."""

    coding = "gzip"


class ZstdReader(SseReader):
    """The same, of frames."""

    coding = "zstd"


class _Body:
    """The body of an answer, in pieces: chunked, or of a length (RFC 9112, section 6.3)."""

    def __init__(self, reader: asyncio.StreamReader, head: str) -> None:
        self._reader = reader
        self._chunked = "\r\ntransfer-encoding: chunked\r\n" in head
        _, _, coding = head.partition("\r\ncontent-encoding: ")
        self._decoder = decoder_of(coding.split("\r\n", 1)[0]) if coding else None
        _, _, length = head.partition("\r\ncontent-length:")
        assert self._chunked or length, f"a body without an end: {head}"
        self._left = int(length.split()[0]) if length else 0

    async def read(self) -> bytes:
        """Return some bytes; none at a proper end. A connection that is cut raises."""
        if self._decoder is None:
            return await self._read()
        while data := await self._read():
            if plain := self._decoder.feed(data):
                return plain
        assert self._decoder.is_whole, "a body has ended without the end of its coding"
        return b""

    async def _read(self) -> bytes:
        """The same, as it is sent."""
        if self._chunked and not self._left:
            line = await self._reader.readuntil(b"\r\n")
            self._left = int(line, 16)
            if not self._left:
                await self._reader.readuntil(b"\r\n")
        if not self._left:
            return b""
        data = await self._reader.read(min(self._left, 65536))
        if not data:
            raise EOFError("cut in the middle of a body")
        self._left -= len(data)
        if self._chunked and not self._left:
            assert await self._reader.readexactly(2) == b"\r\n", "a chunk without its end"
        return data


class WebSocketReader(FaultReader):
    """A WebSocket client that resumes by ``last_event_id``."""

    #: Close codes that came, the newest last.
    closes: tuple[int, ...] = ()

    async def _read(self) -> None:
        resume = "" if self.cursor is None else f"&last_event_id={self.cursor}"
        url = f"{self.url.replace('http', 'ws', 1)}/api/v1/stream?topic={quote(self.topic)}{resume}"
        async with connect(
            url, open_timeout=self.silence, close_timeout=0.2, ping_interval=1,
            ping_timeout=self.silence, max_size=None, proxy=None,
        ) as socket:  # fmt: skip
            try:
                async for text in socket:
                    self._take(json.loads(text))
            finally:
                if socket.close_code is not None:
                    self.closes = (*self.closes, socket.close_code)


class Poller(FaultReader):
    """A client that cannot hold a stream: it polls, and waits in the server for a second."""

    async def _read(self) -> None:
        async with httpx.AsyncClient(
            base_url=self.url, timeout=self.silence, trust_env=False
        ) as client:
            if self.cursor is None:
                answer = await client.get("/api/v1/status", params={"topic": self.topic})
                if self._refused(answer):
                    return
                self.start = self.cursor = Cursor.parse(answer.json()["cursor"])
            self.connections += 1
            while True:
                query = {"topic": self.topic, "after": str(self.cursor), "wait": "1"}
                answer = await client.get("/api/v1/events", params=query)
                if self._refused(answer):
                    return
                self._take_page(answer.json())

    def _refused(self, answer: httpx.Response) -> bool:
        if answer.is_success:
            return False
        self.refusals.append(str(answer.status_code))
        return True

    def _take_page(self, page: dict[str, Any]) -> None:
        if page["gap"] is not None:
            # Of one topic: what was lost comes before what is kept.
            self._take_gap(page["gap"] | {"cursor": page["gap"]["until"]})
        for body in page["events"]:
            self._take(body)
        cursor = Cursor.parse(page["cursor"])
        assert self.cursor is not None
        assert cursor >= self.cursor, f"the page ends at {cursor}, before {self.cursor}"
        self.cursor = cursor
        self.live = not page["events"]
