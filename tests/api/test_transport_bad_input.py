"""Bad input: each case is refused with what was wrong, and what is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from support.documents import document
from support.live import Live
from support.readers import publish, sse, websocket
from support.waiting import DEADLINE


@pytest.fixture
async def client(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url) as opened:
        yield opened


def check_problem(answer: httpx.Response, status: int, code: str, *told: str) -> None:
    """It is a problem (RFC 9457) with this code, and its detail says all of this."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["title"]
    assert body["type"].startswith("urn:streamer:error:")
    for part in told:
        assert part in body["detail"], body["detail"]
    assert "Traceback" not in answer.text
    assert len(body["detail"]) < 600


STREAM = "/api/v1/projects/p/stream"
POLL = "/api/v1/projects/p/events"

UNKNOWN = "invalid_parameter"

GETS: list[tuple[str, str, tuple[str, ...]]] = [
    ("/api/v1/stream", "invalid_topic", ("0 topics given", "?topic=")),
    ("/api/v1/stream?topic=", "invalid_topic", ("''", "not a topic", "A-Z a-z 0-9")),
    ("/api/v1/stream?topic=a//b", "invalid_topic", ("'a//b'", "1 to 8 segments")),
    ("/api/v1/stream?topic=a/", "invalid_topic", ("not a topic",)),
    ("/api/v1/stream?topic=a%0Ab", "invalid_topic", (r"'a\nb'",)),
    ("/api/v1/stream?topic=a%00", "invalid_topic", (r"'a\x00'",)),
    ("/api/v1/stream?topic=%F0%9F%98%80", "invalid_topic", ("not a topic",)),
    ("/api/v1/stream?topic=a&topic=*", "invalid_topic", ("'*'",)),
    ("/api/v1/stream?topic=1/2/3/4/5/6/7/8/9", "invalid_topic", ("1 to 8 segments",)),
    (f"/api/v1/stream?topic={'x' * 65}", "invalid_topic", ("1 to 64",)),
    ("/api/v1/stream?" + "&".join(f"topic=t{n}" for n in range(101)), "invalid_topic", ("101",)),
    ("/api/v1/projects/a%20b/stream", "invalid_topic", ("'a b' is not a project id",)),
    ("/api/v1/projects/a%0D%0AX-Y:1/stream", "invalid_topic", (r"'a\r\nX-Y:1'",)),
    (f"/api/v1/jobs/{'x' * 65}/stream", "invalid_topic", ("is not a job id",)),
    ("/api/v1/projects/%2A/events", "invalid_topic", ("'*' is not a project id",)),
    ("/api/v1/projects/%2A/status", "invalid_topic", ("'*' is not a project id",)),
    ("/api/v1/ws/projects/%2A/connections", "invalid_topic", ("'*' is not a project id",)),
    ("/api/v1/events?topic=a//b", "invalid_topic", ("'a//b'",)),
    ("/api/v1/status?topic=a//b", "invalid_topic", ("'a//b'",)),
    (f"{STREAM}?last_event_id=abc", "invalid_cursor", ("'abc' is not an event id", "<millisec")),
    (f"{STREAM}?lastEventId=1", "invalid_cursor", ("'1' is not an event id",)),
    (f"{STREAM}?last_event_id=1-1%0A", "invalid_cursor", (r"'1-1\n'",)),
    (f"{STREAM}?last_event_id=-1-1", "invalid_cursor", ("'-1-1'",)),
    (f"{STREAM}?last_event_id=1-18446744073709551616", "invalid_cursor", ("not an event id",)),
    (f"{STREAM}?last_event_id={'9' * 500}", "invalid_cursor", ("...",)),
    (f"{STREAM}?from=yesterday", "invalid_cursor", ("'yesterday'",)),
    (f"{STREAM}?from=", "invalid_cursor", ("''",)),
    (f"{STREAM}?until=never", "invalid_parameter", ("until is 'never'", "end")),
    (f"{STREAM}?until=", "invalid_parameter", ("until is ''",)),
    (f"{STREAM}?heartbeat=0", "invalid_parameter", ("heartbeat is '0'", "1 to 300")),
    (f"{STREAM}?heartbeat=301", "invalid_parameter", ("1 to 300",)),
    (f"{STREAM}?heartbeat=1.5", "invalid_parameter", ("'1.5'",)),
    (f"{STREAM}?heartbeat=-1", "invalid_parameter", ("'-1'",)),
    (f"{STREAM}?heartbeat=%D9%A1", "invalid_parameter", ("1 to 300",)),
    (f"{STREAM}?events=all", "invalid_parameter", ("events is 'all'", "message")),
    (f"{POLL}?limit=0", "invalid_parameter", ("limit is '0'", "1 to 1000")),
    (f"{POLL}?limit=1001", "invalid_parameter", ("1 to 1000",)),
    (f"{POLL}?limit=ten", "invalid_parameter", ("'ten'",)),
    (f"{POLL}?wait=-1", "invalid_parameter", ("wait is '-1'", "0 to 60")),
    (f"{POLL}?wait=61", "invalid_parameter", ("0 to 60",)),
    (f"{POLL}?wait=nan", "invalid_parameter", ("'nan'",)),
    (f"{POLL}?wait=inf", "invalid_parameter", ("'inf'",)),
    (f"{POLL}?after=x", "invalid_cursor", ("'x' is not an event id",)),
    (f"{POLL}?after=", "invalid_cursor", ("''",)),
    (f"{STREAM}?form=earliest", UNKNOWN, ("'form'", "did you mean from?", "until, heartbeat")),
    (f"{STREAM}?Last-Event-ID=1-0", UNKNOWN, ("did you mean lastEventId?",)),
    (f"{STREAM}?lasteventid=1-0", UNKNOWN, ("did you mean last",)),
    (f"{STREAM}?topic=a", UNKNOWN, ("'topic' is not a parameter here",)),
    (f"{STREAM}?_=123", UNKNOWN, ("'_' is not a parameter here (nothing is cached",)),
    (f"{STREAM}?from=latest&x", UNKNOWN, ("'x'",)),
    (f"{STREAM}?%66orm=1", UNKNOWN, ("'form'",)),
    (f"{STREAM}?from=1-0&from=2-0", UNKNOWN, ("from is given 2 times; give it once",)),
    (f"{STREAM}?last_event_id=1-0&last_event_id=1-0", UNKNOWN, ("given 2 times",)),
    (f"{STREAM}?{'y' * 5000}=1", UNKNOWN, (f"'{'y' * 40}' is not a parameter here",)),
    (f"{STREAM}?%0d%0aX=1", UNKNOWN, (r"'\r\nX'",)),
    ("/api/v1/jobs/j/stream?untli=end", UNKNOWN, ("did you mean until?",)),
    ("/api/v1/ws/projects/p/stream?fron=latest", UNKNOWN, ("did you mean from?",)),
    ("/api/v1/stream?topics=a,b", UNKNOWN, ("did you mean topic?",)),
    ("/api/v1/stream?topic=a&heart_beat=1", UNKNOWN, ("did you mean heartbeat?",)),
    (f"{POLL}?last_event_id=1-0", UNKNOWN, ("allowed: after, limit, wait",)),
    (f"{POLL}?limit=1&limit=2", UNKNOWN, ("limit is given 2 times",)),
    ("/api/v1/events?topic=a&From=earliest", UNKNOWN, ("'From'",)),
    ("/api/v1/jobs/j/events?waits=1", UNKNOWN, ("did you mean wait?",)),
    ("/api/v1/projects/p/status?topic=a", UNKNOWN, ("allowed: reader",)),
    ("/api/v1/jobs/j/status?wait=1", UNKNOWN, ("allowed: reader",)),
    ("/api/v1/status?topic=a&topic=b", UNKNOWN, ("topic is given 2 times",)),
    (
        "/api/v1/jobs?project_id=",
        UNKNOWN,
        ("'project_id' is not a parameter", "allowed: status, limit"),
    ),
    ("/api/v1/jobs/j?verbose=1", UNKNOWN, ("this address takes none",)),
    ("/api/v1/ws/connections?project=p", UNKNOWN, ("this address takes none",)),
    ("/api/v1/ws/projects/p/connections?x=1", UNKNOWN, ("this address takes none",)),
    ("/api/v1/ws/health?x=1", UNKNOWN, ("this address takes none",)),
]


@pytest.mark.parametrize(("path", "code", "told"), GETS, ids=[row[0][:60] for row in GETS])
async def test_a_bad_url_is_refused(
    client: httpx.AsyncClient, path: str, code: str, told: tuple[str, ...]
) -> None:
    """With 400 and the reason."""
    check_problem(await client.get(path), 400, code, *told)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/projects/p/events?ephemerel=true"),
        ("POST", "/api/v1/events?ephemeral=true&ephemeral=false"),
        ("POST", "/api/v1/projects/p/jobs?kind=transcode"),
        ("POST", "/api/v1/projects/p/generate?x=1"),
        ("POST", "/api/v1/jobs/j/cancel?force=1"),
        ("HEAD", f"{STREAM}?form=earliest"),
    ],
)
async def test_an_unknown_parameter_is_refused_by_every_method(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    """Before anything is done."""
    body = {"type": "note"} if method == "POST" else None
    answer = await client.request(method, path, json=body)
    assert answer.status_code == 400, answer.text
    if method != "HEAD":
        check_problem(answer, 400, UNKNOWN)
    assert (await client.get(POLL)).json()["events"] == []


SOCKETS = [row for row in GETS if "/stream" in row[0]]


async def test_a_bad_url_is_refused_over_a_websocket(live: Live) -> None:
    """Accepted first, then told in a frame and by the close code."""
    async with asyncio.TaskGroup() as all_at_once:  # each is closed after a second
        for path, code, told in SOCKETS:
            if "/ws/" in path:
                continue  # in the older words: below
            all_at_once.create_task(_is_refused(live, path, code, told))


async def _is_refused(live: Live, path: str, code: str, told: tuple[str, ...]) -> None:
    async with websocket(live.ws_url, path) as socket:
        closed, reason = await socket.is_closed()
        (refused,) = socket.bodies
        said = {"type", "code", "status", "detail", "retry", "retry_after"}
        assert set(refused) - {"topic"} == said, path
        assert (refused["type"], refused["code"], refused["retry"]) == ("refused", code, False)
        for part in told:
            assert part in refused["detail"], path
        assert closed == 1008
        assert reason
        assert refused["detail"].startswith(reason)


async def test_the_older_address_refuses_in_the_older_words(live: Live, project: str) -> None:
    """Its clients know no ``refused``: of the connection, and of a command on it."""
    path = f"/api/v1/ws/projects/{project}/stream"
    async with (
        websocket(live.ws_url, f"{path}?last_event_id=x") as socket,
        websocket(live.ws_url, path) as other,
    ):
        await other.has("connected", "caught_up")
        await other.send("hello")
        await other.has("error")
        assert (await socket.is_closed())[0] == 1008
        for refused, code in (
            (socket.bodies[0], "invalid_cursor"),
            (other.bodies[-1], "invalid_frame"),
        ):
            assert set(refused) == {"type", "code", "error", "retry", "retry_after"}
            assert (refused["type"], refused["code"]) == ("error", code)


HEADERS = [
    ("abc", "'abc' is not an event id"),
    ("1-1, 2-2", "not an event id"),
    ("0x1-1", "not an event id"),
    ("1\t-1", "not an event id"),
]


@pytest.mark.parametrize(("value", "told"), HEADERS)
async def test_a_bad_last_event_id_is_refused(
    client: httpx.AsyncClient, value: str, told: str
) -> None:
    """As in the query."""
    answer = await client.get(STREAM, headers={"Last-Event-ID": value})
    check_problem(answer, 400, "invalid_cursor", told)


#: What is no JSON, though it may begin as some, or is not to be read to its end.
NO_JSON = [
    b'{"\xff":1}',
    b'{"kind":"\xff","model":"\xff","input":"\xff"}',
    b"\xfe\xff",
    b"[" * 9999,
]


def addresses_with_bodies() -> list[tuple[str, str]]:
    """Every method and path that takes JSON, as the schema lists them."""
    schema = json.loads(document("openapi/openapi.json"))
    return [
        (method, re.sub(r"\{[^}]*\}", "p1", path))
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:20]))
async def test_what_is_no_json_is_refused_wherever_json_is_taken(
    client: httpx.AsyncClient, body: bytes
) -> None:
    """And is no fault of ours, of which nobody has to hear."""
    for method, path in addresses_with_bodies():
        answer = await client.request(
            method, path, content=body, headers={"Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, (method, path, answer.text)


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
async def test_what_is_compressed_is_refused_by_that(client: httpx.AsyncClient, kind: str) -> None:
    """It is no JSON, but why is what its sender has to know."""
    headers = {"Content-Type": kind, "Content-Encoding": "GZIP"}
    plain = b'{"type":"note"}'
    answer = await client.post(POLL, content=gzip.compress(plain), headers=headers)
    check_problem(answer, 415, "wrong_media_type", "Content-Encoding is 'gzip'", "as it is")
    assert answer.headers["accept-encoding"] == "identity"
    for coding in ("identity", "utf-8"):
        answer = await client.post(POLL, content=plain, headers={"Content-Encoding": coding})
        assert answer.status_code == 201, "it can be read"
    answer = await client.post(POLL, content=b"{", headers={"Content-Encoding": "identity"})
    check_problem(answer, 400, "invalid_json")


BODIES: list[tuple[Any, int, str, tuple[str, ...]]] = [
    (b"", 400, "invalid_json", ("the body is not JSON",)),
    (b"{", 400, "invalid_json", ("the body is not JSON",)),
    (b'{"type":"x","a":NaN}', 400, "invalid_json", ("the body is not JSON",)),
    (b'{"type":"progress","progress":NaN}', 400, "invalid_json", ("not JSON",)),
    (b"\xff\xfe", 400, "invalid_json", ("the body is not JSON",)),
    (b'{"type":"x","a":"\xff"}', 400, "invalid_json", ("the body is not JSON",)),
    (b'{"type":"x","a":"\\ud800"}', 400, "invalid_json", ("the body is not JSON",)),
    (b'[{"type":"x"}]', 400, "invalid_json", ("JSON array", "must be an object")),
    (b'"x"', 400, "invalid_json", ("JSON string",)),
    (b"7", 400, "invalid_json", ("JSON number",)),
    (b"true", 400, "invalid_json", ("JSON boolean",)),
    (b"null", 400, "invalid_json", ("must be an object",)),
    ({}, 400, "invalid_fields", ("must name the event's type",)),
    ({"type": 7}, 400, "invalid_fields", ("must name the event's type",)),
    ({"type": ""}, 400, "invalid_type", ("''", "lower-case letter")),
    ({"type": "Note"}, 400, "invalid_type", ("'Note'", "a-z 0-9")),
    ({"type": "a b"}, 400, "invalid_type", ("'a b'",)),
    ({"type": "note\n"}, 400, "invalid_type", (r"'note\n'",)),
    ({"type": "note\r\ndata: x"}, 400, "invalid_type", ("is not an event type",)),
    ({"type": "x" * 65}, 400, "invalid_type", ("at most 63",)),
    *(
        ({"type": reserved}, 400, "reserved_type", (f"'{reserved}'", "the server's own"))
        for reserved in (
            *("connected", "caught_up", "gap", "end", "reconnect", "pong", "open"),
            *("refused", "subscribed", "unsubscribed"),
        )
    ),
    ({"type": "x", "id": "1-1"}, 400, "invalid_fields", ("'id' is set by the server",)),
    ({"type": "x", "timestamp": 1}, 400, "invalid_fields", ("'timestamp' is set by",)),
    ({"type": "progress"}, 400, "invalid_fields", ("progress",)),
    ({"type": "progress", "progress": 1.01}, 400, "invalid_fields", ("<= 1.0",)),
    ({"type": "progress", "progress": -0.1}, 400, "invalid_fields", (">= 0.0",)),
    ({"type": "progress", "progress": "half"}, 400, "invalid_fields", ("progress", "float")),
    ({"type": "progress", "progress": None}, 400, "invalid_fields", ("progress",)),
    ({"type": "progress", "progress": True}, 400, "invalid_fields", ("progress",)),
    (b'{"type":"progress","progress":1e999}', 400, "invalid_json", ("not JSON",)),
    ({"type": "status"}, 400, "invalid_fields", ("status",)),
    ({"type": "error", "error": 7}, 400, "invalid_fields", ("error",)),
    ({"type": "completed", "attempt": 0}, 400, "invalid_fields", ("attempt",)),
    ({"type": "progress", "progress": 0.5, "metadata": []}, 400, "invalid_fields", ("metadata",)),
    ({"type": "error", "error": "x", "message": 5}, 400, "invalid_fields", ("message", "str")),
    ({"type": "completed", "message": []}, 400, "invalid_fields", ("message",)),
    ({"type": "completed", "metadata": "m"}, 400, "invalid_fields", ("metadata", "object")),
    ({"type": "completed", "status": {}}, 400, "invalid_fields", ("status",)),
    ({"type": "completed", "error": {}}, 400, "invalid_fields", ("error",)),
    ({"type": "status", "status": "ok", "progress": "x"}, 400, "invalid_fields", ("progress",)),
    ({"type": "status", "status": "ok", "progress": 2}, 400, "invalid_fields", ("<= 1.0",)),
    ({"type": "error", "error": "x", "metadata": 1}, 400, "invalid_fields", ("metadata",)),
    ({"type": "completed", "task_name": 5}, 400, "invalid_fields", ("task_name",)),
    ({"type": "completed", "task_name": ""}, 400, "invalid_fields", ("task_name", ">= 1")),
    ({"type": "completed", "task_name": "t" * 257}, 400, "invalid_fields", ("<= 256",)),
    ({"type": "completed", "job_id": 5}, 400, "invalid_fields", ("job_id",)),
    ({"type": "completed", "project_id": ["p"]}, 400, "invalid_fields", ("project_id",)),
    (b'{"type":"x","n":' + b"[" * 2000 + b"]" * 2000 + b"}", 400, "invalid_", ("",)),
    ({"type": "x", "text": "a" * 70_000}, 413, "event_too_large", ("at most 60000",)),
    ({"type": "x", "text": "a" * 59_900}, 413, "event_too_large", ("SSE; at most 60000",)),
    ({"type": "x", "text": "a" * 190_000}, 413, "", ("at most 180000",)),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "told"), BODIES, ids=[str(row[0])[:50] for row in BODIES]
)
async def test_a_bad_event_is_refused(  # noqa: PLR0917 - the columns of a table
    client: httpx.AsyncClient,
    project: str,
    body: Any,  # noqa: ANN401 - any JSON, or bytes
    status: int,
    code: str,
    told: tuple[str, ...],
) -> None:
    """And nothing of it is stored."""
    path = f"/api/v1/projects/{project}/events"
    if isinstance(body, bytes):
        answer = await client.post(path, content=body)
    else:
        answer = await client.post(path, json=body)
    found = answer.json()["code"]
    check_problem(answer, status, found if found.startswith(code) else code, *told)
    assert (await client.get(path)).json()["events"] == []


TOPICS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ('"topic"', '"topics"')),
    ({"topic": 7}, ('"topic"',)),
    ({"topics": "a"}, ('"topics", a list',)),
    ({"topics": []}, ("0 topics given", "1 to 16")),
    ({"topics": ["a", 7]}, ('"topics", a list of strings',)),
    ({"topic": "a", "topics": ["b"]}, ('"topic"',)),
    ({"topic": "a//b"}, ("'a//b' is not a topic",)),
    ({"topics": ["a", "b\n"]}, (r"'b\n' is not a topic",)),
    ({"topics": [f"t{n}" for n in range(17)]}, ("17 topics given",)),
]


@pytest.mark.parametrize(("fields", "told"), TOPICS, ids=[str(row[0])[:40] for row in TOPICS])
async def test_bad_topics_are_refused(
    client: httpx.AsyncClient, fields: dict[str, Any], told: tuple[str, ...]
) -> None:
    """Where any topic may be published to."""
    answer = await client.post("/api/v1/events", json={"type": "note", **fields})
    check_problem(answer, 400, "invalid_topic", *told)


async def test_an_ephemeral_event_of_several_topics_is_refused(client: httpx.AsyncClient) -> None:
    """It has no id by which a reader of both would know it again."""
    body = {"type": "typing", "topics": ["a", "b"]}
    answer = await client.post("/api/v1/events?ephemeral=true", json=body)
    check_problem(answer, 400, "invalid_topic", "an ephemeral event has one")


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_bad_idempotency_key_is_refused(
    client: httpx.AsyncClient, project: str, key: str
) -> None:
    """Empty, or too long to be kept for a day."""
    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path, json={"type": "note"}, headers={"Idempotency-Key": key})
    check_problem(answer, 400, "invalid_parameter", f"{len(key)} characters", "1 to 255")
    assert (await client.get(path)).json()["events"] == []


@pytest.mark.parametrize("value", ["", "maybe", "yes", "%7Bx%7D", "{0}", "{x.y}", "x" * 999])
async def test_a_bad_flag_is_refused(client: httpx.AsyncClient, project: str, value: str) -> None:
    """Whatever is in it: not even a brace or a kilobyte makes it anything else."""
    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(f"{path}?ephemeral={value}", json={"type": "note"})
    check_problem(answer, 400, "invalid_parameter", "ephemeral is '", "true or false")
    assert (await client.get(path)).json()["events"] == []


@pytest.mark.parametrize("value", ["{0}", "{x.y}", "%7Bx%7D"])
async def test_a_parameter_that_the_framework_refuses_is_a_problem_too(
    client: httpx.AsyncClient, value: str
) -> None:
    """Its words are told as ours, whatever is in them."""
    answer = await client.get(f"/api/v1/jobs?limit={value}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "limit" in answer.json()["detail"]


async def test_a_huge_body_is_refused_unread(client: httpx.AsyncClient, project: str) -> None:
    """With 413, and the server goes on."""
    answer = await client.post(f"/api/v1/projects/{project}/events", content=b"x" * 2_000_000)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    await publish(client, project, "note")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/projects/a%2Fb/stream", 404),
        ("GET", "/api/v1/projects/a%2F..%2Fb/stream", 404),
        ("GET", "/api/v1/projects//stream", 404),
        ("GET", "/api/v1/{nothing}", 404),
        ("DELETE", "/api/v1/projects/p/events", 405),
        ("POST", "/api/v1/projects/p/stream", 405),
    ],
)
async def test_an_address_that_is_none_says_so(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """As a problem too."""
    answer = await client.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/schema" in answer.json()["detail"]


FRAMES: list[tuple[str | bytes, str, str]] = [
    (b"ping", "invalid_frame", "binary"),
    ("hello", "invalid_frame", "allowed are"),
    ("", "invalid_frame", "allowed are"),
    ("[1]", "invalid_frame", "allowed are"),
    ('{"type":"dance"}', "invalid_frame", "dance"),
    ('{"type":"subscribe"}', "invalid_frame", "topic"),
    ('{"type":"subscribe","topic":"a//b"}', "invalid_topic", "'a//b' is not a topic"),
    ('{"type":"subscribe","topic":"a","last_event_id":"x"}', "invalid_cursor", "'x'"),
    ('{"type":"unsubscribe","topic":"nobody"}', "invalid_frame", "nobody is not subscribed"),
    ("[" * 5000, "invalid_frame", "allowed are"),
]


@pytest.mark.parametrize(("frame", "code", "told"), FRAMES, ids=[str(r[0])[:40] for r in FRAMES])
async def test_a_bad_frame_is_answered_and_the_connection_lives(
    live: Live, project: str, frame: str | bytes, code: str, told: str
) -> None:
    """An error frame that names what was wrong; a ping afterwards is answered."""
    async with websocket(live.ws_url, f"/api/v1/projects/{project}/stream") as socket:
        await socket.has("connected", "caught_up")
        await socket.send(frame)
        await socket.has("refused")
        error = socket.bodies[-1]
        assert error["code"] == code
        assert told in error["detail"]
        await socket.send("ping")
        await socket.has("refused", "pong")


async def test_the_only_topic_cannot_be_left(live: Live, project: str) -> None:
    """Nor one be subscribed twice."""
    topic = f"projects/{project}"
    async with websocket(live.ws_url, f"/api/v1/projects/{project}/stream") as socket:
        await socket.has("connected", "caught_up")
        await socket.send({"type": "unsubscribe", "topic": topic})
        await socket.has("refused")
        assert "only topic" in socket.bodies[-1]["detail"]
        await socket.send({"type": "subscribe", "topic": topic})
        await socket.has("refused", "refused")
        assert "already" in socket.bodies[-1]["detail"]
        await socket.send("ping")
        await socket.has("pong")


async def test_a_frame_that_is_not_utf8_ends_only_its_own_connection(
    live: Live, project: str
) -> None:
    """RFC 6455: with 1007; the server goes on."""
    path = f"/api/v1/projects/{project}/stream"
    async with websocket(live.ws_url, path) as other, websocket(live.ws_url, path) as socket:
        await other.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        await socket.connection.send(b"\xff\xfe", text=True)
        assert (await socket.is_closed())[0] == 1007
        await other.send("ping")
        await other.has("pong")


async def test_a_huge_frame_ends_only_its_own_connection_or_is_refused(
    live: Live, project: str
) -> None:
    """Too big: 1009; or an error frame, and it lives."""
    path = f"/api/v1/projects/{project}/stream"
    async with websocket(live.ws_url, path) as other, websocket(live.ws_url, path) as socket:
        await other.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        with contextlib.suppress(ConnectionClosed):  # it may be refused before it is sent
            await socket.send("x" * 20_000_000)
        assert (await socket.is_closed())[0] == 1009
        await other.send("ping")
        await other.has("pong")


RAW: list[bytes] = [
    b"GET /api/v1/projects/\xff\xfe/stream HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /api/v1/projects/p/stream HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 1-1\x00\r\n\r\n",
    b"GET /api/v1/projects/p/stream HTTP/1.1\r\nHost: h\r\nLast-Event-ID: \xff\r\n\r\n",
    b"GET /api/v1/projects/%FF/stream HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /api/v1/projects/%zz/stream HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /api/v1/stream?topic=%FF HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /api/v1/projects/p/events HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    b"BREW / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", RAW, ids=[repr(raw[:40]) for raw in RAW])
async def test_a_request_that_is_no_http_is_refused(
    live: Live, client: httpx.AsyncClient, request_bytes: bytes
) -> None:
    """With a 4xx or a cut, never a 500, and the server goes on."""
    parts = urlsplit(live.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request_bytes)
    line = await asyncio.wait_for(reader.readline(), DEADLINE)
    assert line == b"" or line.split()[1][:1] == b"4", line
    writer.close()
    await writer.wait_closed()
    assert (await client.get("/healthz")).status_code == 200


async def test_a_dot_dot_project_is_only_a_name(live: Live, client: httpx.AsyncClient) -> None:
    """Dots are allowed in a topic, and lead nowhere."""
    async with sse(live.url, "/api/v1/projects/%2E%2E/stream") as stream:
        assert stream.status in {200, 400, 404}
        if stream.status == 200:
            await stream.has("connected", "caught_up")
            assert stream.events[0].body["topic"] == "projects/.."
