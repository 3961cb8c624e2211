"""Methods and headers: HEAD wherever GET is, and no header that anybody can send is a 500."""

from __future__ import annotations

import socket as sockets
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from streamer.api.asker import client_of
from support.asgi_peer import AsgiPeer
from support.live import Live
from support.stage import Peer, Stage
from support.waiting import DEADLINE

READ = [
    *("/", "/web/app.js", "/healthz", "/readyz", "/schema", "/schema/openapi.json"),
    *("/api/v1/projects/p/events", "/api/v1/events?topic=a", "/api/v1/jobs/j/events"),
    *("/api/v1/projects/p/status", "/api/v1/jobs/j/status", "/api/v1/status?topic=a"),
    *("/api/v1/jobs", "/api/v1/jobs/none", "/api/v1/projects/%2A/events", "/nowhere"),
    *("/api/v1/ws/connections", "/api/v1/ws/projects/p/connections", "/api/v1/ws/health"),
    *("/files/none.mp4", "/api/v1/events"),
]


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url) as opened:
        yield opened


def test_head_is_answered_as_get_is_without_a_body(client: httpx.Client) -> None:
    """At every address: the same status and the same headers."""
    for path in READ:
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        assert head.headers.keys() == got.headers.keys(), path
        for name, value in got.headers.items():
            if name not in {"date", "last-modified", "x-request-id"}:
                assert head.headers[name] == value, (path, name)
        if got.is_success:
            assert int(head.headers["content-length"]) == len(got.content) > 0, path


def test_head_waits_for_nothing(client: httpx.Client, project: str) -> None:
    """Not for an event that a long poll would wait for: its body is not wanted."""
    target = "/api/v1/projects/p/events?wait=10"
    stage = Stage()  # whose clock stands still: what waits for an event waits for ever
    head, get = (Peer(stage, target, method=method) for method in ("HEAD", "GET"))
    portable_head, portable_get = (
        AsgiPeer(stage, target, kind="http", method=method) for method in ("HEAD", "GET")
    )
    stage.settle()
    assert head.take().startswith(b"HTTP/1.1 200 ")
    assert portable_head.task.done()
    assert portable_head.status == 200
    assert get.take() == b"", "a poll did not wait for an event: this proves nothing"
    assert not portable_get.task.done()
    stage.end()
    assert client.head(f"/api/v1/projects/{project}/events?wait=10").status_code == 200
    assert client.head(f"/api/v1/projects/{project}/events?wait=nan").status_code == 400


ALLOWED = [
    *((path, "GET, HEAD, OPTIONS") for path in READ[:10]),
    ("/api/v1/projects/p/stream", "GET, HEAD, OPTIONS"),
    ("/api/v1/projects/p/events", "GET, HEAD, OPTIONS, POST"),
    ("/api/v1/projects/p/jobs", "OPTIONS, POST"),
    ("/api/v1/jobs/j/cancel", "OPTIONS, POST"),
]


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PUT", "PATCH"])
def test_every_address_says_which_methods_it_takes(client: httpx.Client, method: str) -> None:
    """When it is asked, and when it is asked with another (RFC 9110 sections 9.3.7, 15.5.6)."""
    for path, allowed in ALLOWED:
        if path in {"/api/v1/projects/p/events", "/api/v1/events?topic=a"}:
            allowed = "GET, HEAD, OPTIONS, POST"  # noqa: PLW2901
        answer = client.request(method, path)
        assert answer.status_code == (204 if method == "OPTIONS" else 405), path
        assert answer.headers["allow"] == allowed, path
    assert client.request(method, "/nowhere").status_code == 404


def exchange(live: Live, request: bytes) -> bytes:
    """The first answer's head, and all that follows if the request was to close."""
    parts = urlsplit(live.url)
    with closing(sockets.create_connection((parts.hostname, parts.port), timeout=DEADLINE)) as peer:
        peer.sendall(request)
        received = peer.recv(65536)
        while b"Connection: close" in request and (data := peer.recv(65536)):
            received += data
        return received


SPACE = [b" ", b"\t", b"  \t "]


@pytest.mark.parametrize("space", SPACE, ids=repr)
def test_the_space_around_a_header_is_none_of_its_value(
    live: Live, client: httpx.Client, project: str, space: bytes
) -> None:
    """RFC 9110 section 5.5: before it and behind it."""
    events = f"/api/v1/projects/{project}/events"
    body = b'{"type":"note"}'
    ids = []
    for key in (b"k", b"k" + space, space + b"k" + space):
        head = b"POST %b HTTP/1.1\r\nHost: localhost%b\r\nIdempotency-Key: %b\r\n"
        head += b"Content-Length: %d%b\r\nConnection: close\r\n\r\n"
        answer = exchange(live, head % (events.encode(), space, key, len(body), space) + body)
        assert b" 201 " in answer.split(b"\r\n")[0], answer
        ids.append(answer.rpartition(b"\r\n\r\n")[2])
    assert len(set(ids)) == 1
    assert len(client.get(events).json()["events"]) == 1
    head = b"GET /api/v1/projects/%b/stream?until=end HTTP/1.1\r\nHost: localhost\r\n"
    head = head % project.encode() + b"Last-Event-ID: 0-0%b\r\n\r\n" % space
    assert b" 200 " in exchange(live, head).split(b"\r\n")[0]


def test_the_space_in_a_query_is_part_of_its_value(client: httpx.Client, project: str) -> None:
    """There it is somebody's mistake, and said."""
    for query in ("last_event_id=0-0%20", "last_event_id=+0-0", "from=%09latest"):
        answer = client.get(f"/api/v1/projects/{project}/stream?{query}")
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_cursor"


NAMES = ["Host", "Origin", "Content-Type", "Accept", "Accept-Encoding", "Accept-Language"]
NAMES += ["Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]
NAMES += ["Authorization", "Last-Event-ID", "Idempotency-Key", "Range", "If-None-Match"]
NAMES += ["If-Modified-Since", "If-Range", "Sec-Fetch-Site", "Expect", "TE", "Cache-Control"]
NAMES += [
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "Referer",
    "User-Agent",
]
VALUES: list[bytes] = [
    *(b"", b"\xff\xfe", b"x:99999", b"http://[", b"[::1", b"[", b"null", b"a" * 3000, b",", b";=;"),
    *(b"text/html; charset=nope", b"multipart/form-data; boundary=", b"application/x-www-form-"),
    *(b"multipart/form-data", b"application/json; charset=utf-99", b"bytes=9-1", b"bytes=a-b"),
    *(b"bytes=-", b"q=0;q=x", b"*/*;q=nan", b'a="', b"%00%ff%zz", b"Bearer \xff", b"Basic ="),
    *(b"for=\xe9;host=[", b"1.2.3.4:99999", b"::ffff:1.2.3.4", b"Thu, 99 Foo 0000 99:99:99 GMT"),
    *(b"http://localhost:99999999999", b"100-continue", b"-1", b"\xc3\xa9", b"{x}", b"{0}"),
]
TARGETS = [
    *(b"GET /nowhere", b"GET /api/v1/projects/p/events", b"GET /", b"GET /web/app.js"),
    *(b"POST /api/v1/projects/p/events", b"POST /api/v1/projects/p/jobs", b"OPTIONS /healthz"),
    *(b"HEAD /api/v1/projects/p/stream", b"DELETE /api/v1/jobs"),
]


@pytest.mark.parametrize("name", NAMES)
def test_no_header_is_a_failure_of_the_server(live_server: Live, name: str) -> None:
    """Whatever stands in it: an answer below 500, or a cut before it is a request."""
    for target in TARGETS:
        head = b"".join(
            _request(target, name.encode(), value, last=value is VALUES[-1]) for value in VALUES
        )
        statuses = _statuses(live_server, head)
        assert statuses, (name, target)
        assert not [status for status in statuses if status >= 500], (name, target, statuses)
    assert httpx.get(f"{live_server.url}/healthz").status_code == 200


PATHS = [
    *(b"/%00", b"/%ff", b"/\xff", b"/api/v1/projects/%00/events", b"/api/v1/projects/%ff/status"),
    *(b"/api/v1/projects/%c3%28/stream", b"/files/%00", b"/files/%ff", b"/web/%00", b"/web/%ff.js"),
    *(b"/api/v1/status?topic=%00", b"/api/v1/status?topic=%ff", b"/api/v1/jobs?limit=%ff"),
    *(b"/api/v1/jobs?limit=" + b"9" * 5000, b"/api/v1/jobs/%ff", b"/api/v1/jobs/%00/status"),
    *(
        b"//",
        b"///api",
        b"/%2e%2e/%2e%2e",
        b"/?%ff=%00&&&==",
        b"*",
        b"http://[/",
        b"http://x:99999/",
    ),
    *(b"/schema/%ff", b"/schema/..%2f", b"/" + b"a" * 9000, b"/{0}", b"/%7Bx.y%7D", b"/%zz?%zz"),
]


@pytest.mark.parametrize("path", PATHS, ids=[repr(path[:30]) for path in PATHS])
def test_no_path_is_a_failure_of_the_server(live: Live, path: bytes) -> None:
    for method in (b"GET", b"HEAD", b"POST", b"OPTIONS"):
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % (method, path)
        answer = exchange(live, head)
        assert not answer or int(answer.split()[1]) < 500, answer


def _request(target: bytes, name: bytes, value: bytes, *, last: bool) -> bytes:
    host = b"" if name == b"Host" else b"Host: localhost\r\n"
    close = b"Connection: close\r\n" if last else b""
    return b"%b HTTP/1.1\r\n%b%b%b: %b\r\n\r\n" % (target, host, close, name, value)


def _statuses(live: Live, requests: bytes) -> list[int]:
    """The status of each answer to pipelined requests, until the server closes."""
    parts = urlsplit(live.url)
    received = b""
    with closing(sockets.create_connection((parts.hostname, parts.port), timeout=DEADLINE)) as peer:
        peer.sendall(requests)
        while data := peer.recv(1 << 20):
            received += data
    lines = received.split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines if line[:3].isdigit()]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (["streamer"], "streamer"),
        (["graphql-ws", "streamer"], "streamer"),
        (["graphql-ws", "mqtt"], "graphql-ws"),
        (None, None),
    ],
)
async def test_an_offer_of_subprotocols_is_answered_with_one_of_them(
    live: Live, project: str, offered: list[Subprotocol] | None, answered: str | None
) -> None:
    """Ours if it is among them, else the first: a browser takes no answer that names none."""
    url = f"{live.ws_url}/api/v1/projects/{project}/stream"
    async with connect(url, subprotocols=offered) as socket:
        assert socket.subprotocol == answered
        assert '"connected"' in str(await socket.recv())


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, counted: str) -> None:
    """One subscriber has all of a /64; an IPv4 address in IPv6 form is that address."""
    assert client_of({"client": (address, 1234)}) == counted


def test_who_has_no_address_is_one_client() -> None:
    assert client_of({"client": None}) == "unknown"
