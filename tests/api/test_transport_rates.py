"""`?rate=` over every transport: fewer events, of which the result is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import pytest

from streamer.client import follow, follow_async
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.snapshot import Snapshot
from support.live import Live
from support.readers import SocketReader, SseReader, sse, websocket
from support.waiting import wait_until

STREAM = "/api/v1/stream?topic={topic}&from=earliest{rate}"
_SERVERS = {"id", "type", "topic", "topics", "timestamp"}


async def publish(client: httpx.AsyncClient, topic: str, seed: int, count: int) -> None:
    """Progress of three jobs, an answer in pieces, and an end of each job."""
    for number in range(count):
        job = f"{seed}-{number % 3}"
        progress = {"type": "progress", "job_id": job, "task_name": "t"}
        piece = {"type": "ai_chunk", "answer": f"{seed}", "attempt": 1, "chunk": f"{number} "}
        bodies: list[dict[str, Any]] = [
            *({**progress, "progress": (number + more) % 8 / 8} for more in range(3)),
            *[piece] * 3,
        ]
        if number >= count - 3:
            bodies.append({"type": "completed", "job_id": job, "result": number})
        for body in bodies:
            answer = await client.post("/api/v1/events", json={"topic": topic, **body})
            assert answer.status_code == httpx.codes.CREATED, answer.text


def folded(topic: str, bodies: Sequence[dict[str, Any]]) -> tuple[Any, dict[str, str]]:
    """The snapshot behind them, and the text of each answer."""
    state, texts = Snapshot(), dict[str, str]()
    for body in bodies:
        fields = {name: body[name] for name in body if name not in _SERVERS}
        id_ = Cursor.parse(body["id"])
        terminal = body["type"] == "completed"
        event = Event(id_, body["type"], (topic,), msgspec.json.encode(fields), terminal=terminal)
        state = state.after(event, topic)
        if body["type"] == "ai_chunk":
            texts[body["answer"]] = texts.get(body["answer"], "") + body["chunk"]
    shown = state.at(Cursor(1, 0)).to_fields()
    return msgspec.json.decode(msgspec.json.encode(shown)), texts


def increasing(bodies: Sequence[dict[str, Any]]) -> bool:
    ids = [Cursor.parse(body["id"]) for body in bodies]
    return all(before < after for before, after in pairwise(ids))


async def polled(client: httpx.AsyncClient, topic: str, rate: str, last: int) -> list[Any]:
    """Poll on until so many jobs are over."""
    found: list[Any] = []
    after = "0-0"
    while sum(body["type"] == "completed" for body in found) < last:
        answer = await client.get(f"/api/v1/events?topic={topic}&after={after}&wait=20{rate}")
        page = answer.json()
        found += page["events"]
        after = page["cursor"]
    return found


async def followed(live: Live, topic: str, transport: Any, last: int) -> list[Any]:  # noqa: ANN401
    found: list[Any] = []
    stream = follow_async(live.url, topic, start="earliest", transport=transport, rate=5)
    async for event in stream:
        if event.id is not None and event.type not in {"connected", "caught_up"}:
            found.append({"id": event.id, "type": event.type, **event.fields})
        if sum(body["type"] == "completed" for body in found) == last:
            break
    await stream.aclose()
    return found


async def has_last(reader: SseReader | SocketReader, end: str) -> None:
    await wait_until(lambda: reader.ids[-1:] == [end], f"{end} came not")


async def test_over_every_transport_folding_fewer_events_is_folding_all(
    live: Live, project: str
) -> None:
    """While two publish, and nobody waits for anybody; the Python client is one of them."""
    topic = f"{project}/rates"
    path, full_path = (
        STREAM.format(topic=topic, rate="&rate=5"),
        STREAM.format(topic=topic, rate=""),
    )
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        sse(live.url, full_path) as full,
        sse(live.url, path) as few,
        websocket(live.ws_url, path) as socket,
    ):
        last = 6
        others = [
            asyncio.create_task(polled(client, topic, "&rate=5", last)),
            asyncio.create_task(followed(live, topic, "sse", last)),
            asyncio.create_task(followed(live, topic, "websocket", last)),
        ]
        await asyncio.gather(publish(client, topic, 1, 20), publish(client, topic, 2, 20))
        every = (await client.get(f"/api/v1/events?topic={topic}&limit=1000")).json()["events"]
        merged = (await client.get(f"/api/v1/events?topic={topic}&limit=1000&rate=5")).json()
        end = every[-1]["id"]
        await asyncio.gather(*(has_last(reader, end) for reader in (full, few, socket)))
        given = {
            "sse": [json.loads(body) for body in few.data],
            "websocket": [json.loads(body) for body in socket.data],
            **dict(
                zip(["poll", "client", "client ws"], await asyncio.gather(*others), strict=True)
            ),
            "a page": merged["events"],
        }
        assert [json.loads(body) for body in full.data] == every
    expected = folded(topic, every)
    for way, bodies in given.items():
        assert increasing(bodies), way
        assert folded(topic, bodies) == expected, way
        assert len(bodies) < len(every) - 20, f"nothing was merged over {way}"


@pytest.mark.parametrize("rate", ["0", "0.09", "50.1", "-1", "nan", "fast", ""])
async def test_a_rate_out_of_range_is_refused_by_name(live: Live, rate: str) -> None:
    async with httpx.AsyncClient(base_url=live.url) as client:
        for path in ("stream", "events"):
            answer = await client.get(f"/api/v1/{path}?topic=a&rate={rate}")
            assert answer.status_code == httpx.codes.BAD_REQUEST
            detail = answer.json()["detail"]
            assert detail == f"rate is {rate!r}; it must be 0.1 to 50 batches a second"


@pytest.mark.parametrize("rate", [0.0, 0.09, 50.1, float("nan")])
def test_the_python_client_refuses_it_before_it_asks(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate is .*; allowed are 0\.1 to 50 batches a second"):
        follow("http://127.0.0.1:1", "a", rate=rate)


async def test_a_poll_with_a_rate_is_answered_in_its_time_with_what_came(
    live: Live, project: str
) -> None:
    """A second after it was asked, unless a job ends; whoever does not wait does not wait."""
    loop = asyncio.get_running_loop()
    topic = f"{project}/slow"
    async with httpx.AsyncClient(base_url=live.url) as client:

        async def say(kind: str, **fields: object) -> None:
            await client.post("/api/v1/events", json={"topic": topic, "type": kind, **fields})

        await say("note", n=1)
        began = loop.time()
        poll = asyncio.create_task(client.get(f"/api/v1/events?topic={topic}&wait=20&rate=1"))
        await say("note", n=2)
        page = (await poll).json()
        assert loop.time() - began >= 0.99
        assert [event["n"] for event in page["events"]] == [1, 2]
        slow = f"/api/v1/events?topic={topic}&rate=0.1&after={page['cursor']}"
        poll = asyncio.create_task(client.get(f"{slow}&wait=20"))
        await say("note", n=3)
        assert len((await client.get(slow)).json()["events"]) == 1
        await say("completed", job_id="j")
        page = (await asyncio.wait_for(poll, 8)).json()
        assert [event["type"] for event in page["events"]] == ["note", "completed"]
