"""Publishing over HTTP: what is asked for, and what is answered."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from streamer.events.json_line import encode_line
from streamer.events.new_event import MAX_EVENT_BYTES, frame_size
from support.live import Live, StartLive
from support.readers import publish, sse
from support.waiting import DEADLINE

NOTE = {"type": "note"}
HEAD = "POST /api/v1/projects/{project}/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture
async def client(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url) as opened:
        yield opened


async def test_the_answer_is_the_id_of_what_is_stored(
    client: httpx.AsyncClient, project: str
) -> None:
    """As JSON, of a length that is told: a connection is used again."""
    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path, json=NOTE)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    (stored,) = (await client.get(path)).json()["events"]
    assert answer.json() == {"id": stored["id"]}


@pytest.mark.parametrize(
    ("query", "stored"),
    [
        ("", 1),
        ("?ephemeral=false", 1),
        ("?ephemeral=False", 1),
        ("?ephemeral=0", 1),
        ("?ephemeral=true", 0),
        ("?ephemeral=TRUE", 0),
        ("?ephemeral=1", 0),
        ("?ephemeral=%74rue", 0),
    ],
)
async def test_a_flag_is_said_in_any_common_way(
    client: httpx.AsyncClient, project: str, query: str, stored: int
) -> None:
    """Only what is stored has an id."""
    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path + query, json=NOTE)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["id"] is not None) == bool(stored)
    assert len((await client.get(path)).json()["events"]) == stored


async def test_the_longest_key_is_kept_whole(client: httpx.AsyncClient, project: str) -> None:
    """Two that differ in the last character are two."""
    path = f"/api/v1/projects/{project}/events"
    first, second = ("k" * 254 + last for last in "ab")
    ids = [
        (await client.post(path, json=NOTE, headers={"Idempotency-Key": key})).json()["id"]
        for key in (first, second, first)
    ]
    assert ids[0] == ids[2] != ids[1]


async def test_a_page_elsewhere_leaves_nothing_in_the_answers_to_others(
    client: httpx.AsyncClient, project: str
) -> None:
    """The headers of CORS are for whoever sent an origin."""
    path = f"/api/v1/projects/{project}/events"
    given = await client.post(path, json=NOTE, headers={"Origin": "http://localhost:3000"})
    assert given.headers["access-control-allow-origin"] == "http://localhost:3000"
    answer = await client.post(path, json=NOTE)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_body_of_untold_length_is_refused_beyond_the_limit(
    client: httpx.AsyncClient, project: str
) -> None:
    """In chunks: with 413, and nothing of it is stored."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"type":"note","text":"'
        for _ in range(60):
            yield b"x" * 4096
        yield b'"}'

    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path, content=chunks())
    assert answer.status_code == 413, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get(path)).json()["events"] == []


@pytest.mark.parametrize("letter", ["x", "\u20ac", "\u2028", "\x01"])
async def test_the_largest_event_is_measured_as_it_is_sent(
    live: Live, client: httpx.AsyncClient, project: str, letter: str
) -> None:
    """One more letter is refused; the largest frame is within the limit, however it is written."""

    def size(count: int) -> int:
        fields = encode_line({"project_id": project, "text": letter * count})
        return frame_size("note", (f"projects/{project}",), fields)

    each = size(2) - size(1)
    count = (MAX_EVENT_BYTES - size(0)) // each
    path = f"/api/v1/projects/{project}/events"
    async with sse(live.url, f"/api/v1/projects/{project}/stream") as stream:
        await stream.has("caught_up")
        start = len(stream.raw)
        over = await client.post(path, json={"type": "note", "text": letter * (count + 1)})
        assert (over.status_code, over.json()["code"]) == (413, "event_too_large")
        # Escaped as Python does it, the body has twice the bytes of its event.
        await publish(client, project, "note", text=letter * count)
        await stream.has("note")
        frame = bytes(stream.raw[start:]).removeprefix(b":\n")
    assert MAX_EVENT_BYTES - 50 - each < len(frame) <= MAX_EVENT_BYTES
    assert stream.events[-1].body["text"] == letter * count


async def test_a_body_in_chunks_is_read_whole(client: httpx.AsyncClient, project: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"type":', b'"note",', b'"n":1}'):
            yield part

    path = f"/api/v1/projects/{project}/events"
    answer = await client.post(path, content=chunks())
    assert answer.status_code == 201, answer.text
    (stored,) = (await client.get(path)).json()["events"]
    assert (stored["type"], stored["n"]) == ("note", 1)


async def test_a_client_that_goes_in_the_middle_of_its_body_publishes_nothing(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """What came of it would be an event, and is none: the server goes on."""
    with socket.create_connection(("127.0.0.1", live.port)) as raw:
        raw.sendall(HEAD.format(project=project).encode() + b'{"type":"note"}')
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(DEADLINE)
        while raw.recv(4096):
            pass
    last = await publish(client, project, "note")
    polled = await client.get(f"/api/v1/projects/{project}/events")
    assert [event["id"] for event in polled.json()["events"]] == [last]


def test_beyond_the_rate_the_body_is_not_waited_for(start_live: StartLive) -> None:
    """The refusal comes before any of the body is sent."""
    live = start_live(STREAMER_PUBLISH_RATE="0.1")
    assert httpx.post(f"{live.url}/api/v1/projects/p/events", json=NOTE).status_code == 201
    with socket.create_connection(("127.0.0.1", live.port), timeout=DEADLINE) as raw:
        raw.sendall(HEAD.format(project="p").encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 429 ")


async def test_a_progress_that_rounding_put_above_one_is_taken_as_one(
    client: httpx.AsyncClient, project: str
) -> None:
    path = f"/api/v1/projects/{project}/events"
    for progress, status in ((1.0000000000000002, 201), (1.001, 400)):
        answer = await client.post(path, json={"type": "progress", "progress": progress})
        assert answer.status_code == status
    (stored,) = (await client.get(path)).json()["events"]
    assert stored["progress"] == 1.0
