from __future__ import annotations

import contextlib
import json
import socket
from typing import Final
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.live import Live
from support.waiting import DEADLINE

_SETTINGS: Final = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

ids = st.one_of(
    st.from_regex(r"[0-9]{1,16}-[0-9]{1,21}", fullmatch=True),
    st.sampled_from(
        ["0-0", "-", "0", "1-", "-1", "\uff11-\uff11", "999999999999999-99999999999999999999"]
    ),
    st.text(max_size=40),
)
topics = st.one_of(
    st.sampled_from(["projects/p", "jobs/j", "a/b/c", "/", "a//b", "a/" * 9, "..", "%2f", ""]),
    st.text(max_size=80),
)
names = st.one_of(
    st.sampled_from(
        ["topic", "last_event_id", "lastEventId", "from", "until", "heartbeat", "events", "after"]
    ),
    st.text(max_size=20),
)
values = st.one_of(ids, topics, st.sampled_from(["end", "message", "latest", "earliest", "15"]))
queries = st.lists(st.tuples(names, values), max_size=8)
#: Any byte that a header's value may have on the wire (RFC 9110, section 5.5).
headers = st.one_of(
    ids.map(lambda text: text.encode()),
    st.binary(max_size=60),
).map(lambda value: bytes(byte for byte in value if byte == 9 or 32 <= byte != 127))
paths = st.one_of(
    st.sampled_from(["/api/v1/stream", "/api/v1/ws", "/api/v1/ws/admin"]),
    topics.map(lambda text: f"/api/v1/projects/{quote(text, safe='')}/stream"),
    topics.map(lambda text: f"/api/v1/jobs/{quote(text, safe='')}/stream"),
    topics.map(lambda text: f"/api/v1/projects/{quote(text, safe='')}/events"),
)


def ask(live: Live, head: bytes) -> tuple[int, bytes, bytes]:
    """Send one request; its status, its head, and what came with the first event at least."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=DEADLINE) as sock:
        sock.sendall(head)
        received = b""
        while b"\r\n\r\n" not in received:
            piece = sock.recv(65536)
            assert piece, f"the connection was lost after {received!r}"
            received += piece
        answer, _, body = received.partition(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        is_stream = status == 200 and b"text/event-stream" in answer
        while is_stream and b"\n\n" not in body:
            piece = sock.recv(65536)
            assert piece, f"the stream was lost after {body!r}"
            body += piece
        while not is_stream and b"content-length" in answer.lower():
            length = int(answer.lower().partition(b"content-length:")[2].split()[0])
            if len(body) >= length:
                break
            body += sock.recv(65536)
        return status, answer, body


@_SETTINGS
@given(path=paths, query=queries, resume=st.none() | headers, head=st.booleans())
def test_any_stream_request_is_served_or_told_what_was_wrong(
    fuzzed: Live, path: str, query: list[tuple[str, str]], resume: bytes | None, head: bool
) -> None:
    """200 with `connected` first, 204, or a problem that names the mistake; never a 500."""
    target = f"{path}?{urlencode(query)}" if query else path
    method = b"HEAD" if head and path.endswith("/stream") else b"GET"
    line = b"" if resume is None else b"Last-Event-ID: " + resume + b"\r\n"
    request = b"%b %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (method, target.encode(), line)
    if method == b"HEAD":
        with socket.create_connection(("127.0.0.1", fuzzed.port), timeout=DEADLINE) as sock:
            sock.sendall(request)
            assert int(sock.recv(65536).split(b" ", 2)[1]) in {200, 400, 404, 405}
        return
    status, answer, body = ask(fuzzed, request)
    assert status in {200, 204, 400, 404}, (status, body)
    assert b"Traceback" not in body
    if status >= 400:
        assert b"application/problem+json" in answer, answer
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["detail"], problem
    elif b"text/event-stream" in answer:
        assert b'"type":"connected"' in body, body


@_SETTINGS
@given(garbage=st.binary(min_size=1, max_size=300), head=st.booleans())
def test_bytes_that_are_no_http_end_their_connection_and_no_other(
    fuzzed: Live, garbage: bytes, head: bool
) -> None:
    """A 400 or an end; the process goes on serving everybody else."""
    with socket.create_connection(("127.0.0.1", fuzzed.port), timeout=DEADLINE) as sock:
        sock.sendall((b"GET /healthz HTTP/1.1\r\n" if head else b"") + garbage + b"\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := sock.recv(65536):
                received += piece
        assert b"Traceback" not in received
        assert b" 500 " not in received.partition(b"\r\n")[0]
