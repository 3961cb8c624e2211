"""One app that leaves all to the framework, and those that answer some of it before."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar, Final, NamedTuple

import pytest
from litestar import Litestar
from litestar.types import Message

from streamer import app
from streamer.api import publish, request_ids, too_often
from streamer.api.front import Front
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.hub.writer import EXTENSION, Taker
from streamer.prometheus.counting import Counting
from streamer.wire.form import Form

#: When it is, for the logs of both: milliseconds since 1970.
NOW = 1_790_000_000_000


#: Where the ids of requests are drawn from.
_IDS: Final = Random()


class Request(NamedTuple):
    """What both are asked."""

    path: str = "/api/v1/events"
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = (b"{}",)
    query: bytes = b""
    method: str = "POST"
    root_path: str = ""
    leaves: bool = False  # before the body is whole
    version: str = "1.1"
    is_ours: bool = False  # the server: it offers a writer


class Answer(NamedTuple):
    """What one of them did."""

    messages: list[dict[str, Any]]
    stored: list[bytes]
    counted: dict[Any, float]
    logged: list[str]
    written: bytes  # to the writer, if one was offered


class _Writer:
    """What our own server offers for a stream."""

    full = lost = False
    taker: Taker | None = None

    def __init__(self) -> None:
        self.written = b""
        self.head = b""  # of what began without a task

    def open(self, form: Form, _high_water: int) -> None:
        self.form = form

    def frame(self) -> None:
        self.written += b"(head)"

    def start(self) -> bool:
        self.written += b"(start)"
        return True

    def begin(self, fields: bytes) -> None:
        self.head = fields
        self.written += b"(head)(start)"

    def withdraw(self) -> None: ...

    def write(self, buffer: bytes) -> None:
        self.written += buffer

    def descriptor(self) -> None: ...

    def pending(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.written += f"({code} {reason})".encode()
        self.taker = None

    def abort(self) -> None:
        self.taker = None

    def leave(self) -> bytes:
        """Go; return what was written, but for names that are drawn at random."""
        if self.taker is not None:
            self.taker.gone()
        return re.sub(rb'"stream_id":"[^"]*"', b'"stream_id":""', self.written)


class _Reply:
    """Where what is answered without a task goes, told as an app tells it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.is_over: Final = asyncio.Event()

    def create(self, head: bytes, body: bytes) -> None:
        self.sent = [
            _start(201, head),
            {"type": "http.response.body", "body": body, "more_body": False, "headers": []},
        ]
        self.is_over.set()

    def hand_over(self) -> None:
        self.is_over.set()


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


class _Side:
    """One of the apps, and what it has done so far."""

    def __init__(self, settings: Settings) -> None:
        self.log: Final = MemoryEventLog(clock=lambda: NOW)
        self._counting: Final = Counting(clock=lambda: NOW / 1000)
        self._position = Cursor(NOW, 0)
        self.prompted = 0  # requests that were answered without a task
        made: list[Front] = []

        class Made(Front):
            def __init__(self, litestar: Litestar) -> None:
                super().__init__(litestar)
                made.append(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "Front", Made)
            self.app: Final[Any] = app.create_app(
                settings, self.log, metrics=self._counting, clock=lambda: NOW / 1000
            )
        self.front: Final = made[0]

    async def ask(self, request: Request, *, promptly: bool = False) -> Answer:
        """What it does; with `promptly` as our own server asks it."""
        told: list[dict[str, Any]] = []
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, piece in enumerate(request.body):
            more = request.leaves or number + 1 < len(request.body)
            inbox.put_nowait({"type": "http.request", "body": piece, "more_body": more})
        if request.leaves:
            inbox.put_nowait({"type": "http.disconnect"})

        async def send(message: Message) -> None:
            headers: Any = message.get("headers", ())
            told.append({**message, "headers": list(headers)})

        kept, writer, scope = _Kept(), _Writer(), _scope(request)
        if request.is_ours:
            scope["extensions"][EXTENSION] = writer
        logging.getLogger("streamer").addHandler(kept)
        try:
            _draw_anew()
            sent = await self._prompted(request, scope, writer) if promptly else []
            if not sent:
                _draw_anew()
                await self.app(scope, inbox.get, send)
                sent = told
        finally:
            logging.getLogger("streamer").removeHandler(kept)
        return Answer(sent, await self._stored(), self._counted(), kept.lines, writer.leave())

    async def _prompted(
        self, request: Request, scope: dict[str, Any], writer: _Writer
    ) -> list[dict[str, Any]]:
        """What is answered without a task; nothing, where the app is to be asked."""
        reply = _Reply()
        body, *more = request.body
        if more or request.leaves or request.version != "1.1":
            return []  # none that the server would ask of it
        if request.method not in {"GET", "POST"}:
            return []
        if not self.app.state.prompt(scope, body, reply):
            return []
        self.prompted += 1
        if writer.head:
            return [_start(200, writer.head)]
        await reply.is_over.wait()
        return reply.sent

    async def _stored(self) -> list[bytes]:
        """The bodies of the events that are new."""
        start, self._position = self._position, await self.log.head()
        topics = sorted(await self.log.topics("", 1000)) if self._position > start else ()
        return [
            event.body
            for topic in topics
            for event in (await self.log.read([topic], start, 1000)).events
        ]

    def _counted(self) -> dict[Any, float]:
        """All but what depends on how long anything took."""
        numbers = self._counting.numbers()
        return {key: value for key, value in numbers.items() if "seconds" not in key[0]}


class TwoWays:
    """The same requests to both, at the same time by every clock.

    Args:
        settings: of both.
        patch: undone at the end.

    Attributes:
        front: that of the one that has one.
    """

    #: One clock for all: there is but one that can be replaced.
    _now: ClassVar[float] = 0.0

    def __init__(self, settings: Settings, patch: pytest.MonkeyPatch) -> None:
        self._patch: Final = patch
        patch.setattr(too_often, "monotonic", lambda: TwoWays._now)
        patch.setattr(request_ids, "_random", _IDS)
        self._fronted: Final = _Side(settings)
        self._framework: Final = _Side(settings)
        self._prompt: Final = _Side(settings)
        self.front: Final = self._fronted.front

    def later(self, seconds: float) -> None:
        """Let time pass, by which rates are counted."""
        TwoWays._now += seconds

    async def ask(self, request: Request) -> tuple[Answer, Answer]:
        """What each does with `request`: with the front, and by the framework alone."""
        fronted = await self._fronted.ask(request)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Front, "_plain", lambda _self, _scope: None)
            patch.setattr(publish, "whole_body", lambda request: request.body())
            return fronted, await self._framework.ask(request)

    async def ask_promptly(self, request: Request) -> Answer:
        """What is done with it on our own server, which asks first what needs no task."""
        return await self._prompt.ask(request, promptly=True)

    @property
    def prompted(self) -> int:
        """How many requests were answered without a task."""
        return self._prompt.prompted

    async def ask_front(self, request: Request) -> Answer:
        """What that one does."""
        return await self._fronted.ask(request)

    def lose_log(self, error: BaseException) -> None:
        """From now on no log takes anything."""

        async def append_all(*_: object) -> None:
            raise error

        for side in (self._fronted, self._framework, self._prompt):
            self._patch.setattr(side.log, "append_all", append_all)

    async def close(self) -> None:
        """End all."""
        for side in (self._fronted, self._framework, self._prompt):
            async with side.app.lifespan():
                pass


def _draw_anew() -> None:
    """Draw the same ids and times again: what was drawn for no answer is nobody's."""
    random.seed(7)
    _IDS.seed(7)


def _start(status: int, lines: bytes) -> dict[str, Any]:
    pairs = (line.partition(b": ") for line in lines.removesuffix(b"\r\n").split(b"\r\n"))
    headers = [(name, value) for name, _, value in pairs]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _scope(request: Request) -> dict[str, Any]:
    length = sum(map(len, request.body))
    headers = list(request.headers)
    if not any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        headers.append((b"content-length", b"%d" % length))
    if not any(name == b"host" for name, _ in headers) and request.version != "1.0":
        headers.append((b"host", b"localhost:8000"))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version,
        "scheme": "http",
        "method": request.method,
        "path": request.root_path + request.path,
        "raw_path": (request.root_path + request.path).encode("utf-8", "surrogatepass"),
        "query_string": request.query,
        "root_path": request.root_path,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
        "state": {},
    }
