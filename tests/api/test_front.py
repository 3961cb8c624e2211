"""What is answered before the framework is answered as the framework does: to the byte."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Final

import jwt
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.types import Receive, Scope, Send

from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from support.two_ways import Answer, Request, TwoWays

SECRET = "only-for-tests-only-for-tests-only"
#: How the apps are set up: anybody may publish; whoever has a token; so often.
SETTINGS: Final = {
    "open": Settings(publish_rate=0),
    "limited": Settings(publish_rate=0.5, max_event_bytes=400),
    "tokens": Settings(publish_rate=2, auth_secret=SECRET, auth_cookie="session"),
    "hosts": Settings(
        publish_rate=0, allowed_hosts=("localhost",), allowed_origins=("https://ours.example",)
    ),
}


class Place:
    """The two apps of each setup, and the loop that they are on."""

    def __init__(self) -> None:
        self.patch: Final = pytest.MonkeyPatch()
        self.runner: Final = asyncio.Runner()
        self.ways: Final = {name: TwoWays(one, self.patch) for name, one in SETTINGS.items()}

    def ask(self, setup: str, request: Request) -> Answer:
        """Ask both; return what they have done, which is the same."""
        ways = self.ways[setup]
        fronted, framework = self.runner.run(ways.ask(request))
        assert fronted == framework, request
        assert self.runner.run(ways.ask_promptly(request)) == framework, request
        return fronted


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    opened = Place()
    yield opened
    for ways in opened.ways.values():
        opened.runner.run(ways.close())
    opened.runner.close()
    opened.patch.undo()


def token(**claims: list[str]) -> bytes:
    now = int(time.time())
    said = {"sub": "ada", "iat": now - 10, "exp": now + 3600, "streamer": claims}
    return b"Bearer " + jwt.encode(said, SECRET, "HS256").encode()


ALL = token(publish=["**"])
SOME = token(publish=["projects/p1"])
NAMED = b'{"topic":"projects/p1","type":"note","text":"a"}'
EVENT = b'{"type":"progress","task_name":"t","progress":0.5}'

PATHS = [
    "/api/v1/events",
    "/api/v1/projects/p1/events",
    "/api/v1/projects/p1/events/",
    "//api/v1//events",
    "/api/v1/projects/a b/events",
    "/api/v1/projects/\u20ac/events",
    "/api/v1/projects//events",
    "/api/v1/projects/a/b/events",
    "/api/v1/nowhere/events",
    "/api/v1/jobs",
    "/api/v1/topics/p1/events",
]
NDJSON = (b"content-type", b"application/x-ndjson")
HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"application/json"),
    (b"content-type", b"text/plain"),
    NDJSON,
    (b"idempotency-key", b"k1"),
    (b"idempotency-key", b""),
    (b"idempotency-key", b"k" * 256),
    (b"idempotency-key", b"\xff\x80"),
    (b"x-request-id", b"mine"),
    (b"x-request-id", b"not one"),
    (b"origin", b"https://ours.example"),
    (b"origin", b"https://theirs.example"),
    (b"origin", b"http://localhost:3000"),
    (b"sec-fetch-site", b"cross-site"),
    (b"host", b"localhost:8000"),
    (b"host", b"theirs.example"),
    (b"host", b"a b"),
    (b"host", b""),
    (b"authorization", ALL),
    (b"authorization", SOME),
    (b"authorization", token(subscribe=["**"])),
    (b"authorization", b"Bearer no.such.token"),
    (b"authorization", b"Basic YTpi"),
    (b"cookie", b"session=" + ALL[7:]),
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    (b"tracestate", b"a=b"),
    (b"content-length", b"5"),
    (b"content-length", b"999999999"),
    (b"content-length", b"many"),
    (b"transfer-encoding", b"chunked"),
    (b"expect", b"100-continue"),
    (b"accept", b"text/html"),
]
QUERIES = [
    *(b"", b"ephemeral=true", b"ephemeral=0", b"ephemeral=x", b"ephemeral=1&ephemeral=1"),
    *(b"ephemerel=1", b"token=" + ALL[7:], b"access_token=x", b"%74oken=a", b"a", b"&&"),
]
BODIES = [
    *(NAMED, EVENT, b"", b"{", b"[]", b"1", b'"a"', b"null", b"\xff", b"{}", b'{"type":1}'),
    *(b'{"type":"note"}', b'{"type":"note","topic":1}', b'{"type":"note","topics":[]}'),
    b'{"type":"note","topics":["projects/p1","projects/p2","projects/p1"]}',
    b'{"type":"note","topics":["projects/p1","chats/c1"]}',
    b'{"type":"note","topics":%s}' % msgspec.json.encode([f"projects/{n}" for n in range(17)]),
    b'{"type":"chat_message","topic":"chats/c1","message":"hello"}',
    b'{"type":"chat_message","topic":"chats/c1","message":"hello","user_id":"eve"}',
    b'{"type":"ai_message_delta","topic":"chats/c1"}',
    b'{"type":"connected","topic":"a"}',
    b'{"type":"Bad","topic":"a"}',
    b'{"type":"note","topic":"a//b"}',
    b'{"type":"note","topic":"projects/p1","id":"1"}',
    b'{"type":"progress","topic":"jobs/j1","task_name":"t","progress":7}',
    b'{"type":"note","topic":"projects/p1","text":"%s"}' % (b"x" * 500),
    b'{"type":"note","topic":"projects/p1","text":"%s"}' % (b"x" * 70_000),
    b"x" * 200_000,
    b'{"a":' * 1000 + b"1" + b"}" * 1000,
    b'{"type":"note","topic":"a","traceparent":"00-%s-%s-01"}' % (b"4" * 32, b"5" * 16),
]


@pytest.mark.parametrize("setup", list(SETTINGS))
@pytest.mark.parametrize("path", PATHS)
def test_every_path_body_and_query_is_answered_alike(place: Place, setup: str, path: str) -> None:
    """Whatever it comes to: status, fields in their order, body, events, numbers, log lines."""
    for body in BODIES:
        place.ask(setup, Request(path, [(b"authorization", ALL)], [body]))
        place.ways[setup].later(100)
        place.ask(setup, Request(path, [(b"authorization", ALL), NDJSON], [NAMED, b"\n", body]))
        place.ways[setup].later(100)
    for query, headers in itertools.product(QUERIES, ([], [(b"authorization", ALL)])):
        place.ask(setup, Request(path, headers, [NAMED], query))
        place.ways[setup].later(100)


@pytest.mark.parametrize("setup", list(SETTINGS))
def test_every_header_is_read_alike(place: Place, setup: str) -> None:
    """Alone, twice, and beside what lets the request in."""
    for path, body in (("/api/v1/events", NAMED), ("/api/v1/projects/p1/events", EVENT)):
        for header in HEADERS:
            for headers in ([header], [header, header], [(b"authorization", ALL), header]):
                place.ask(setup, Request(path, headers, [body]))
                place.ways[setup].later(100)


@pytest.mark.parametrize("setup", list(SETTINGS))
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "BREW"])
def test_other_methods_are_answered_alike(place: Place, setup: str, method: str) -> None:
    place.ask(setup, Request("/api/v1/events", [(b"authorization", ALL)], [NAMED], method=method))
    place.ways[setup].later(100)


@pytest.mark.parametrize("root_path", ["", "/live", "/api", "/api/v1"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_below_any_path_of_a_host_it_is_answered_alike(
    place: Place, root_path: str, version: str
) -> None:
    for path in PATHS:
        place.ask("open", Request(path, [], [NAMED], root_path=root_path, version=version))


@pytest.mark.parametrize("body", [[NAMED[:9], NAMED[9:]], [b"", NAMED, b""], [b"x" * 99_000] * 3])
@pytest.mark.parametrize("leaves", [False, True])
def test_a_body_in_pieces_is_read_alike(place: Place, body: list[bytes], leaves: bool) -> None:
    """Also where the client leaves before it is whole."""
    chunked = [(b"transfer-encoding", b"chunked")]
    for headers in ([], chunked):
        place.ask("open", Request(body=body, headers=headers, leaves=leaves))


def test_whoever_does_too_much_is_refused_alike(place: Place) -> None:
    """Until there is room again; each of several topics counts."""
    topics = b'{"type":"note","topics":["a","b","c"]}'
    statuses = []
    for body in (NAMED, NAMED, topics, NAMED, topics, NAMED, NAMED):
        answer = place.ask("limited", Request(body=[body]))
        statuses.append(answer.messages[0]["status"])
        place.ways["limited"].later(0.1)
    assert statuses[0] == 201
    assert statuses[-1] == 429


async def test_a_publish_is_answered_before_the_framework(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else there would be nothing to compare."""
    handed_over = []

    async def framework(scope: Scope, _receive: Receive, _send: Send) -> None:
        handed_over.append(scope["path"])

    ways = TwoWays(SETTINGS["open"], monkeypatch)
    monkeypatch.setattr(ways.front, "_framework", framework)
    for path, body in (("/api/v1/events", NAMED), ("/api/v1/projects/p1/events", EVENT)):
        answer = await ways.ask_front(Request(path, [], [body]))
        assert answer.messages[0]["status"] == 201
    await ways.ask_front(Request("/api/v1/jobs"))
    assert handed_over == ["/api/v1/jobs"]
    await ways.close()


@pytest.mark.parametrize(
    "error", [LogUnavailable("gone"), RuntimeError("a defect"), asyncio.CancelledError()]
)
async def test_a_log_that_takes_nothing_is_reported_alike(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Also where the request was taken without a task."""
    ways = TwoWays(SETTINGS["open"], monkeypatch)
    request = Request(headers=[(b"x-request-id", b"mine")], body=[NAMED])
    for _ in range(2):  # the first is before the app has begun
        await ways.ask(request)
        await ways.ask_promptly(request)
    ways.lose_log(error)
    if isinstance(error, asyncio.CancelledError):
        for ask in (ways.ask, ways.ask_promptly):
            with pytest.raises(asyncio.CancelledError):
                await ask(request)
    else:
        fronted, framework = await ways.ask(request)
        assert await ways.ask_promptly(request) == fronted == framework
        assert fronted.messages[0]["status"] >= 500
    assert ways.prompted == 2
    await ways.close()


@pytest.mark.parametrize(
    ("setup", "headers"),
    [
        ("open", []),
        ("open", [(b"idempotency-key", b"k"), (b"x-request-id", b"mine")]),
        ("open", [(b"authorization", b"Bearer whoever")]),
        ("limited", []),
        ("tokens", [(b"authorization", ALL)]),
        ("hosts", []),
    ],
)
async def test_a_publish_as_most_are_needs_no_task(
    monkeypatch: pytest.MonkeyPatch, setup: str, headers: list[tuple[bytes, bytes]]
) -> None:
    """Once the app has begun, and knows the token."""
    ways = TwoWays(SETTINGS[setup], monkeypatch)
    for path, body in (("/api/v1/events", NAMED), ("/api/v1/projects/p1/events", EVENT)):
        await ways.ask_promptly(Request(path, headers, [body]))
        prompted = ways.prompted
        answer = await ways.ask_promptly(Request(path, headers, [body]))
        assert answer.messages[0]["status"] == 201
        assert ways.prompted == prompted + 1
    await ways.close()


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["note", "progress", "completed", "user_join", ""]) | anything,
        "topic": st.sampled_from(["projects/p1", "jobs/j1", "chats/c1", "a"]) | anything,
        "topics": st.lists(st.sampled_from(["a", "b/c", "users/7"]), max_size=3) | anything,
        "progress": anything,
        "task_name": anything,
        "text": anything,
    },
).map(msgspec.json.encode)


# The first draws are slow on a machine that does other work.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    setup=st.sampled_from(list(SETTINGS)),
    path=st.sampled_from(PATHS)
    | st.text(max_size=20).map(lambda text: f"/api/v1/projects/{text}/events"),
    headers=st.lists(
        st.sampled_from(HEADERS)
        | st.tuples(st.sampled_from([name for name, _ in HEADERS]), st.binary(max_size=20)),
        max_size=4,
    ),
    body=st.one_of(st.sampled_from(BODIES), events, st.binary(max_size=50)),
    query=st.sampled_from(QUERIES) | st.binary(max_size=20),
    root_path=st.sampled_from(["", "", "", "/live"]),
)
def test_anything_at_all_is_answered_alike(
    place: Place,
    *,
    setup: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    query: bytes,
    root_path: str,
) -> None:
    place.ask(setup, Request(path, headers, [body], query, root_path=root_path))
    place.ways[setup].later(1)
