"""Several events in one request: one append, all of them or none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from streamer.api.batch_body import MAX_BYTES
from streamer.publishing.publisher import MAX_BATCH
from support.live import Live, StartLive

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def client(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url, timeout=20) as opened:
        yield opened


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def note(number: int, **further: object) -> dict[str, object]:
    return {"type": "note", "number": number, **further}


async def stored(client: httpx.AsyncClient, project: str) -> list[dict[str, object]]:
    answer = await client.get(f"/api/v1/projects/{project}/events", params={"limit": 1000})
    events: list[dict[str, object]] = answer.raise_for_status().json()["events"]
    return events


async def test_the_answer_is_the_ids_in_the_order_of_the_lines(
    client: httpx.AsyncClient, project: str
) -> None:
    """With nothing in between; the media type may have parameters, lines may be empty."""
    body = b"\r\n" + lines(note(1), note(2)) + b"\n  \n" + lines(note(3)).rstrip()
    headers = {"Content-Type": "Application/X-NDJSON ; charset=utf-8"}
    answer = await client.post(f"/api/v1/projects/{project}/events", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    found = await stored(client, project)
    assert [event["number"] for event in found] == [1, 2, 3]
    assert answer.json() == {"ids": [event["id"] for event in found]}
    assert len({str(event["id"]).partition("-")[0] for event in found}) == 1


async def test_each_line_names_its_topics(client: httpx.AsyncClient, project: str) -> None:
    """One id, however many they are."""
    first, second = f"projects/{project}", f"projects/{project}.2"
    body = lines(note(1, topics=[first, second]), note(2, topic=second))
    answer = await client.post("/api/v1/events", content=body, headers=NDJSON)
    assert answer.status_code == 201, answer.text
    assert [event["number"] for event in await stored(client, project)] == [1]
    assert [event["number"] for event in await stored(client, f"{project}.2")] == [1, 2]
    assert len(answer.json()["ids"]) == 2


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"text":"no type"}', "invalid_fields"),
        (b'{"type":"connected"}', "reserved_type"),
        (b'{"type":"progress","task_name":"t","progress":7}', "invalid_fields"),
        (b'{"type":"note","text":"%s"}' % (b"x" * 60_000), "event_too_large"),
    ],
)
async def test_one_line_that_is_refused_refuses_all_and_is_named(
    client: httpx.AsyncClient, project: str, bad: bytes, code: str
) -> None:
    body = lines(note(1)) + b"\n" + bad + b"\n" + lines(note(3))
    answer = await client.post(f"/api/v1/projects/{project}/events", content=body, headers=NDJSON)
    problem = answer.json()
    assert (problem["code"], problem["line"]) == (code, 3)
    assert problem["detail"].startswith("line 3: ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(client, project) == []


@pytest.mark.parametrize("body", [b"", b"\n\r\n  \n"])
async def test_a_batch_of_nothing_is_refused(
    client: httpx.AsyncClient, project: str, body: bytes
) -> None:
    answer = await client.post(f"/api/v1/projects/{project}/events", content=body, headers=NDJSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_as_many_as_may_be_are_taken_and_one_more_is_not(
    client: httpx.AsyncClient, project: str
) -> None:
    path = f"/api/v1/projects/{project}/events"
    events = [note(number) for number in range(MAX_BATCH)]
    over = await client.post(path, content=lines(*events, note(-1)), headers=NDJSON)
    assert (over.status_code, over.json()["code"]) == (413, "batch_too_large")
    answer = await client.post(path, content=lines(*events), headers=NDJSON)
    assert answer.status_code == 201, answer.text
    assert len(await stored(client, project)) == MAX_BATCH


@pytest.mark.parametrize("is_announced", [True, False])
async def test_more_bytes_than_may_be_are_refused(
    client: httpx.AsyncClient, project: str, is_announced: bool
) -> None:
    """Unread, where they are announced; and far more are taken than one event may have."""

    async def pieces(size: int) -> AsyncIterator[bytes]:
        line = lines(note(1, text="x" * 40_000))
        yield line * (size // len(line))
        yield b"\n" * (size % len(line))

    async def post(size: int) -> httpx.Response:
        content = b"".join([piece async for piece in pieces(size)]) if is_announced else None
        path = f"/api/v1/projects/{project}/events"
        return await client.post(path, content=content or pieces(size), headers=NDJSON)

    assert (await post(MAX_BYTES)).status_code == 201
    answer = await post(MAX_BYTES + 1)
    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")


async def test_a_repeated_key_appends_nothing_and_gives_the_first_ids(
    client: httpx.AsyncClient, project: str
) -> None:
    """It is of the batch: whatever the repeat says; another key is another batch."""
    path = f"/api/v1/projects/{project}/events"
    keyed = NDJSON | {"Idempotency-Key": f"{project} batch"}
    first = await client.post(path, content=lines(note(1), note(2)), headers=keyed)
    again = await client.post(path, content=lines(note(3)), headers=keyed)
    assert first.json() == again.json()
    assert len(first.json()["ids"]) == 2
    other = NDJSON | {"Idempotency-Key": f"{project} another"}
    assert (await client.post(path, content=lines(note(3)), headers=other)).status_code == 201
    assert [event["number"] for event in await stored(client, project)] == [1, 2, 3]


async def test_ephemeral_ones_have_no_ids(client: httpx.AsyncClient, project: str) -> None:
    path = f"/api/v1/projects/{project}/events?ephemeral=true"
    answer = await client.post(path, content=lines(note(1), note(2)), headers=NDJSON)
    assert answer.json() == {"ids": [None, None]}
    assert await stored(client, project) == []


async def test_each_line_counts_for_each_of_its_topics(start_live: StartLive) -> None:
    """A batch gets around no rate."""
    live = start_live(STREAMER_PUBLISH_RATE="1")
    async with httpx.AsyncClient(base_url=live.url, timeout=20) as client:
        body = lines(note(1, topics=["a", "b", "c"]), note(2, topic="a"))
        answer = await client.post("/api/v1/events", content=body, headers=NDJSON)
        assert "r=6;" in answer.headers["ratelimit"]
        await client.post("/api/v1/events", content=body, headers=NDJSON)
        refused = await client.post("/api/v1/events", content=body, headers=NDJSON)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
