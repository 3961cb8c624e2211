"""A WebSocket that is served before the framework is served as the framework does: to the byte."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import jwt
import pytest
from litestar.exceptions import WebSocketException

from streamer.api import request_ids
from streamer.api.front import Front
from streamer.api.streams import websocket
from streamer.api.streams.commands import Commands
from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.hub.writer import EXTENSION, Listener, Taker
from streamer.mounted.app import StreamerApp
from streamer.wire.form import Form

pytestmark = pytest.mark.usefixtures("no_heartbeats")

SECRET: Final = "only-for-tests-only-for-tests-only"
NOW: Final = 1_790_000_000_000
SETTINGS: Final = {
    "open": Settings(),
    "tokens": Settings(auth_secret=SECRET, auth_cookie="session"),
    "hosts": Settings(allowed_hosts=("localhost",), allowed_origins=("https://ours.example",)),
}
PATHS: Final = [
    *("/api/v1/projects/p1/stream", "/api/v1/projects/p1/stream/", "//api/v1//projects/p1/stream"),
    *("/api/v1/ws/projects/p1/stream", "/api/v1/projects/a b/stream", "/api/v1/jobs/j1/stream"),
    *("/api/v1/projects/\u20ac/stream", "/api/v1/projects/a/b/stream", "/api/v1/users/7/stream"),
    *("/api/v1/stream", "/api/v1/nowhere/stream", "/stream", "/api/v1/events", "/api/v1/ws"),
]
QUERIES: Final = [
    *(b"", b"topic=projects/p1", b"topic=a&topic=b&topic=a", b"topic=a//b", b"topic=", b"a"),
    *(b"from=earliest", b"from=x", b"last_event_id=1-0", b"until=end", b"heartbeat=x", b"rate=1"),
    *(b"events=message", b"events=x", b"form=earliest", b"from=latest&from=earliest", b"token=x"),
]
ALL: Final = (
    b"Bearer "
    + jwt.encode(
        {
            "sub": "ada",
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
            "streamer": {"subscribe": ["**"]},
        },
        SECRET,
    ).encode()
)
HEADERS: Final[list[tuple[bytes, bytes]]] = [
    *((b"last-event-id", b"1-0"), (b"last-event-id", b"\xff"), (b"x-request-id", b"mine")),
    *((b"origin", b"https://ours.example"), (b"origin", b"https://theirs.example")),
    *((b"host", b"theirs.example"), (b"host", b"a b"), (b"authorization", ALL)),
    *((b"authorization", b"Bearer no.such.token"), (b"cookie", b"session=" + ALL[7:])),
]


class Answer(NamedTuple):
    """What became of one: what was sent by ASGI, written to its writer, kept, and logged."""

    messages: list[dict[str, Any]]
    written: bytes
    kept: Sequence[str]  # of its scope, while it listens
    logged: list[str]


class _Writer:
    """What our own server offers."""

    full = lost = False
    taker: Taker | None = None
    kept: Sequence[str] = ()

    def __init__(self) -> None:
        self.written = b""
        self.accepted: list[dict[str, Any]] = []  # without a task

    def accept_with(self, fields: list[tuple[bytes, bytes]], subprotocol: str | None) -> None:
        self.accepted.append(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields}
        )

    def agree_to_deflate(self) -> bool:
        self.written += b"(deflate)"
        return False

    def open(self, form: Form, _high_water: int) -> _Writer:
        self.form = form
        return self

    def listen(self, listener: Listener) -> None:
        assert isinstance(listener, Commands)
        self.kept = sorted(listener._kept)

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


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


class Place:
    """An app of each setup, and the loop that they are on.

    Attributes:
        prompted: how many were served without a task.
    """

    def __init__(self) -> None:
        self.prompted = 0
        self.runner: Final = asyncio.Runner()
        self.apps: Final = {name: self._made(settings) for name, settings in SETTINGS.items()}

    def _made(self, settings: Settings) -> StreamerApp:
        log = MemoryEventLog(clock=lambda: NOW)
        return create_app(settings, log, clock=lambda: NOW / 1000)

    def ask(
        self,
        setup: str,
        path: str,
        query: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        *,
        leaves: bool = False,
        root_path: str = "",
        promptly: bool = True,
        subprotocols: Sequence[str] = ("streamer",),
    ) -> Answer:
        """Ask without a task, before the framework, and through it: all answer the same."""
        scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": root_path + path,
            "raw_path": (root_path + path).encode(),
            "query_string": query,
            "root_path": root_path,
            "headers": list(headers),
            "subprotocols": list(subprotocols),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        if not any(name == b"host" for name, _ in headers):
            scope["headers"].append((b"host", b"localhost:8000"))
        ways = []
        for plain, is_prompt in ((True, False), (True, promptly), (False, False)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(request_ids, "_random", Random(7))
                # A socket that gets no stream is closed after a while, which is not for us.
                patch.setattr("streamer.api.farewells.LINGER", 0.0)
                if not plain:
                    patch.setattr(Front, "_plain", lambda _self, _scope: None)
                _draw_anew()
                asked = {**scope, "headers": list(scope["headers"]), "state": {}}
                asked["subprotocols"] = list(subprotocols)
                answer = self.runner.run(self._exchange(self.apps[setup], asked, leaves, is_prompt))
                ways.append(answer)
        assert ways[0] == ways[1] == ways[2]
        return ways[0]

    async def _exchange(
        self,
        app: Any,  # noqa: ANN401 - an ASGI app
        scope: dict[str, Any],
        leaves: bool,
        promptly: bool,
    ) -> Answer:
        sent: list[dict[str, Any]] = []
        writer, kept = _Writer(), _Kept()
        scope["extensions"] = {"websocket.http.response": {}, EXTENSION: writer}
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        if not leaves:
            inbox.put_nowait({"type": "websocket.connect"})
        inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})

        async def send(message: dict[str, Any]) -> None:
            sent.append({**message, "headers": list(message.get("headers") or ())})

        logging.getLogger("streamer").addHandler(kept)
        try:
            if promptly and app.state.prompt(scope, b"", None):
                self.prompted += 1
                sent += writer.accepted
            else:
                _draw_anew()
                await app(scope, inbox.get, send)
        finally:
            logging.getLogger("streamer").removeHandler(kept)
        if writer.taker is not None:
            writer.taker.gone()
        written = re.sub(rb'"stream_id":"[^"]*"', b"", writer.written)
        return Answer(sent, written, writer.kept, kept.lines)


def _draw_anew() -> None:
    """Draw the same ids and times again: what was drawn for no answer is nobody's."""
    request_ids._random.seed(7)
    random.seed(7)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    opened = Place()
    yield opened
    for app in opened.apps.values():
        opened.runner.run(_ended(app))
    opened.runner.close()


async def _ended(app: StreamerApp) -> None:
    async with app.lifespan():
        pass


@pytest.mark.parametrize("setup", list(SETTINGS))
@pytest.mark.parametrize("path", PATHS)
def test_every_path_and_query_is_answered_alike(place: Place, setup: str, path: str) -> None:
    for query, headers in itertools.product(QUERIES, ((), ((b"authorization", ALL),))):
        place.ask(setup, path, query, headers)


@pytest.mark.parametrize("setup", list(SETTINGS))
def test_every_header_is_read_alike(place: Place, setup: str) -> None:
    for path, header in itertools.product(PATHS[:6], HEADERS):
        place.ask(setup, path, b"", (header,))
        place.ask(setup, path, b"", ((b"authorization", ALL), header))


@pytest.mark.parametrize("root_path", ["", "/live", "/api", "/api/v1"])
def test_below_any_path_of_a_host_it_is_answered_alike(place: Place, root_path: str) -> None:
    for path in PATHS:
        place.ask("open", path, root_path=root_path)


def test_one_who_leaves_before_it_is_accepted_is_left_alike(place: Place) -> None:
    for path in PATHS:
        place.ask("open", path, leaves=True, promptly=False)


@pytest.mark.parametrize(
    "error",
    [ValueError("ours"), WebSocketException(detail="its own", code=4321), asyncio.QueueEmpty()],
    ids=repr,
)
def test_what_a_handler_raises_closes_it_alike(
    place: Place, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(websocket, "serve_socket", fails)
    closed = place.ask("open", PATHS[0], promptly=False).messages[0]
    assert closed["type"] == "websocket.close"
    assert closed["code"] == (4321 if isinstance(error, WebSocketException) else 4500)


def test_what_is_asked_is_answered(place: Place) -> None:
    """So that what is compared is streams and refusals, and not one error for all."""
    opened = place.ask("open", PATHS[0])
    assert opened.messages[0]["type"] == "websocket.accept"
    assert opened.messages[0]["subprotocol"] == "streamer"
    assert opened.kept
    assert b'"type":"connected"' in opened.written
    assert b'"type":"caught_up"' in opened.written
    refused = place.ask("tokens", PATHS[0])
    assert '"type":"refused"' in refused.messages[1]["text"]
    assert not refused.kept


def test_it_is_served_before_the_framework(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else there would be nothing to compare; on any other server it is the framework's."""
    found: list[object] = []
    plain = Front._plain

    def noted(self: Front, scope: Any) -> Any:  # noqa: ANN401 - an ASGI scope
        handler = plain(self, scope)
        found.append(handler)
        return handler

    monkeypatch.setattr(Front, "_plain", noted)
    for path in (PATHS[0], *PATHS[3:6]):
        found.clear()
        place.ask("open", path)
        assert found[0] is not None


@pytest.mark.parametrize(
    ("setup", "path", "query", "headers"),
    [
        ("open", PATHS[0], b"", ()),
        ("open", "/api/v1/stream", b"topic=projects%2Fp1&topic=a&rate=1", ()),
        ("open", "/api/v1/ws/projects/p1/stream", b"until=end", ((b"cookie", b"a=b"),)),
        ("open", PATHS[0], b"last_event_id=1-0", ((b"origin", b"http://localhost:8000"),)),
        ("hosts", PATHS[0], b"", ((b"origin", b"https://ours.example"),)),
        ("tokens", PATHS[0], b"", ((b"authorization", ALL),)),
        ("tokens", PATHS[0], b"token=" + ALL[7:], ()),
    ],
)
def test_a_socket_as_most_are_needs_no_task(
    place: Place, setup: str, path: str, query: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """Once somebody has read its topics, and the token is known; it is not kept."""
    place.ask(setup, path, query, headers)
    prompted = place.prompted
    assert place.ask(setup, path, query, headers).kept
    assert place.prompted == prompted + 1


@pytest.mark.parametrize(
    ("subprotocols", "status"),
    [
        (("bearer", ALL[7:].decode()), "connected"),
        (("streamer", "bearer", ALL[7:].decode()), "connected"),
        (("bearer", "no.such.token"), "refused"),
        (("bearer", "bearer", ALL[7:].decode()), "refused"),
        (("bearer",), "refused"),
    ],
)
def test_a_token_among_the_subprotocols_is_read_alike(
    place: Place, subprotocols: Sequence[str], status: str
) -> None:
    answers = [place.ask("tokens", PATHS[0], subprotocols=subprotocols) for _ in range(2)]
    assert [bool(answer.kept) for answer in answers] == [status == "connected"] * 2
