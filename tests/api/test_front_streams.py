"""A stream that is opened before the framework is opened as the framework does: to the byte."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any, Final

import jwt
import pytest
from litestar.types import Receive, Scope, Send

from streamer.config.settings import Settings
from streamer.hub.hub import Hub
from streamer.tracing.doing import ids_here
from support.two_ways import Answer, Request, TwoWays

SECRET = "only-for-tests-only-for-tests-only"
pytestmark = pytest.mark.usefixtures("no_heartbeats")

SETTINGS: Final = {
    "open": Settings(),
    "few": Settings(max_connections_per_client=1),
    "tokens": Settings(auth_secret=SECRET, auth_cookie="session"),
    "hosts": Settings(allowed_hosts=("localhost",), allowed_origins=("https://ours.example",)),
}
PATHS: Final = [
    "/api/v1/projects/p1/stream",
    "/api/v1/projects/p1/stream/",
    "//api/v1/projects//p1/stream",
    "/api/v1/ws/projects/p1/stream",
    "/api/v1/projects/a b/stream",
    "/api/v1/projects/\u20ac/stream",
    "/api/v1/projects/a/b/stream",
    "/api/v1/jobs/j1/stream",
    "/api/v1/jobs/over/stream",
    "/api/v1/jobs/a b/stream",
    "/api/v1/stream",
    "/api/v1/nowhere/stream",
    "/api/v1/chats/c1/stream",
    "/stream",
]
QUERIES: Final = [
    *(b"", b"topic=projects/p1", b"topic=jobs/over&topic=projects/p1", b"topic=a//b", b"topic="),
    *(b"&".join(b"topic=t%d" % n for n in range(300)), b"topic=projects/p1&events=message"),
    *(b"from=earliest", b"from=latest", b"from=1-0", b"from=x", b"last_event_id=1-0", b"from=0-0"),
    *(b"lastEventId=1-0", b"lastEventId=", b"last_event_id=x", b"until=end", b"until=x"),
    *(b"heartbeat=1", b"heartbeat=0", b"heartbeat=x", b"rate=1", b"rate=x", b"events=message"),
    *(b"events=x", b"form=earliest", b"from=latest&from=earliest", b"token=x", b"a", b"&&"),
    *(b"from=9999999999999-0", b"last_event_id=1-0&until=end"),
]


def token(**claims: list[str]) -> bytes:
    now = int(time.time())
    said = {"sub": "ada", "iat": now - 10, "exp": now + 3600, "streamer": claims}
    return b"Bearer " + jwt.encode(said, SECRET, "HS256").encode()


ALL: Final = token(subscribe=["**"])
HEADERS: Final[list[tuple[bytes, bytes]]] = [
    (b"last-event-id", b"1-0"),
    (b"last-event-id", b""),
    (b"last-event-id", b"\xff"),
    (b"accept", b"text/html"),
    (b"x-request-id", b"mine"),
    (b"origin", b"https://ours.example"),
    (b"origin", b"https://theirs.example"),
    (b"sec-fetch-site", b"cross-site"),
    (b"host", b"theirs.example"),
    (b"host", b"a b"),
    (b"authorization", ALL),
    (b"authorization", token(subscribe=["projects/p2"])),
    (b"authorization", b"Bearer no.such.token"),
    (b"authorization", b"Basic YTpi"),
    (b"cookie", b"session=" + ALL[7:]),
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    (b"content-length", b"5"),
]
#: What has happened in each log.
BEFORE: Final = [
    b'{"topic":"projects/p1","type":"note","text":"a"}',
    b'{"topics":["jobs/over","projects/p1"],"type":"completed","task_name":"t"}',
]


class Place:
    """The two apps of each setup, and the loop that they are on."""

    def __init__(self) -> None:
        self.patch: Final = pytest.MonkeyPatch()
        self.runner: Final = asyncio.Runner()
        self.ways: Final = {name: TwoWays(one, self.patch) for name, one in SETTINGS.items()}
        publisher = [(b"authorization", token(publish=["**"]))]
        for setup, body in itertools.product(SETTINGS, BEFORE):
            self.ask(setup, Request("/api/v1/events", publisher, [body]))

    def ask(self, setup: str, request: Request) -> Answer:
        """Ask both; return what they have done, which is the same."""
        ways = self.ways[setup]
        fronted, framework = self.runner.run(ways.ask(request))
        assert fronted == framework, request
        assert self.runner.run(ways.ask_promptly(request)) == framework, request
        return fronted

    def stream(self, setup: str, request: Request) -> Answer:
        """The same, of our own server."""
        return self.ask(setup, request._replace(method="GET", body=[b""], is_ours=True))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    opened = Place()
    yield opened
    for ways in opened.ways.values():
        opened.runner.run(ways.close())
    opened.runner.close()
    opened.patch.undo()


@pytest.mark.parametrize("setup", list(SETTINGS))
@pytest.mark.parametrize("path", PATHS)
def test_every_path_and_query_is_answered_alike(place: Place, setup: str, path: str) -> None:
    """Whatever it comes to: status, fields in their order, frames, numbers, log lines."""
    for query, headers in itertools.product(QUERIES, ([], [(b"authorization", ALL)])):
        place.stream(setup, Request(path, headers, query=query))


@pytest.mark.parametrize("setup", list(SETTINGS))
def test_every_header_is_read_alike(place: Place, setup: str) -> None:
    """Alone, twice, and beside what lets the request in."""
    for path in (PATHS[0], "/api/v1/jobs/over/stream"):
        for header in HEADERS:
            for headers in ([header], [header, header], [(b"authorization", ALL), header]):
                place.stream(setup, Request(path, headers))


@pytest.mark.parametrize("root_path", ["", "/live", "/api", "/api/v1"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_below_any_path_of_a_host_it_is_answered_alike(
    place: Place, root_path: str, version: str
) -> None:
    for path in PATHS:
        place.stream("open", Request(path, root_path=root_path, version=version))


def test_what_reads_are_answered_alike(place: Place) -> None:
    """So that what is compared is streams, refusals and a 204, and not one error for all."""
    opened = place.stream("open", Request(PATHS[0]))
    assert opened.messages[0]["status"] == 200
    assert b"event: connected" in opened.written
    assert b"event: caught_up" in opened.written
    over = Request("/api/v1/jobs/over/stream", [(b"last-event-id", b"9999999999999-0")])
    assert place.stream("open", over).messages[0]["status"] == 204
    assert place.stream("tokens", Request(PATHS[0])).messages[0]["status"] == 401
    assert place.stream("open", Request(PATHS[0], query=b"from=x")).messages[0]["status"] == 400


async def test_a_stream_of_our_own_server_is_opened_before_the_framework(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else there would be nothing to compare; on any other it is the framework's."""
    handed_over = []

    async def framework(scope: Scope, _receive: Receive, _send: Send) -> None:
        handed_over.append(scope["path"])

    ways = TwoWays(SETTINGS["open"], monkeypatch)
    monkeypatch.setattr(ways.front, "_framework", framework)
    paths = (PATHS[0], "/api/v1/jobs/j1/stream", "/api/v1/ws/projects/p1/stream")
    for path in paths:
        answer = await ways.ask_front(Request(path, method="GET", is_ours=True))
        assert answer.messages[0]["status"] == 200
    assert not handed_over
    await ways.ask_front(Request(PATHS[0], method="GET"))
    await ways.ask_front(Request(PATHS[0], method="HEAD", is_ours=True))
    assert len(handed_over) == 2
    await ways.close()


BROWSER: Final = [
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"cookie", b"a=b"),
    (b"sec-fetch-site", b"same-origin"),
]


@pytest.mark.parametrize(
    ("setup", "query", "headers"),
    [
        ("open", b"", []),
        ("open", b"topic=projects%2Fp1&topic=a&rate=1", []),
        ("open", b"until=end", BROWSER),
        ("open", b"from=earliest", [(b"last-event-id", b"1-0"), (b"x-request-id", b"mine")]),
        ("open", b"token=whatever", [(b"origin", b"https://theirs.example")]),
        ("tokens", b"", [(b"authorization", ALL), *BROWSER]),
        ("tokens", b"token=" + ALL[7:], BROWSER),
        ("hosts", b"events=message", [(b"origin", b"https://ours.example")]),
    ],
)
async def test_a_stream_as_most_are_needs_no_task(
    monkeypatch: pytest.MonkeyPatch, setup: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Once somebody has read its topics, and the token is known."""
    ways = TwoWays(SETTINGS[setup], monkeypatch)
    path = "/api/v1/stream" if b"topic=" in query else PATHS[0]
    request = Request(path, headers, [b""], query, method="GET", is_ours=True)
    await ways.ask_promptly(request)
    prompted = ways.prompted
    assert (await ways.ask_promptly(request)).messages[0]["status"] == 200
    assert ways.prompted == prompted + 1
    await ways.close()


@pytest.mark.parametrize(
    "request_",
    [
        Request(PATHS[0], query=b"from=x"),
        Request(PATHS[0], [(b"traceparent", b"00-%s-%s-01" % (b"4" * 32, b"5" * 16))]),
        Request(PATHS[0], [(b"expect", b"100-continue")]),
        Request(PATHS[0], body=[b"a body"]),
        Request(PATHS[0], query=b"until=end", headers=[(b"last-event-id", b"1-0")]),
        Request("/api/v1/chats/c1/stream"),
    ],
)
async def test_a_stream_that_has_to_wait_for_anything_is_left_to_the_app(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    """As is what would be refused."""
    ways = TwoWays(SETTINGS["open"], monkeypatch)
    for _ in range(2):
        await ways.ask_promptly(request_._replace(method="GET", is_ours=True))
    assert ways.prompted == 0
    await ways.close()


async def test_what_is_done_to_open_a_stream_is_done_in_the_name_of_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing that is done afterwards."""
    ways = TwoWays(SETTINGS["open"], monkeypatch)
    request = Request(PATHS[0], [], [b""], method="GET", is_ours=True)
    await ways.ask_promptly(request)
    attach, ids, before = Hub.attach_at_once, [], ids_here()

    def noted(*arguments: Any) -> Any:  # noqa: ANN401
        ids.append(ids_here())
        return attach(*arguments)

    monkeypatch.setattr(Hub, "attach_at_once", noted)
    await ways.ask_promptly(request._replace(headers=[(b"x-request-id", b"mine")]))
    assert ids == [{"request_id": "mine"}]
    assert ids_here() == before
    await ways.close()
