"""A coded stream that is cut, at every byte of it."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
import pytest

from support.coded import decoder_of
from support.event_source import EventSourceParser
from support.live import Live
from support.readers import SseReader, sse
from support.waiting import wait_until


async def whole_stream(live: Live, project: str, path: str, coding: str) -> SseReader:
    """One that had a replay, blocks of its own and shared ones, a heartbeat, and an end."""
    accept = {"Accept-Encoding": coding}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url))
        ids: list[str] = []

        async def publish(event_type: str = "note") -> None:
            body = {"topic": f"jobs/{project}", "type": event_type, "task_name": "a"}
            answer = await client.post("/api/v1/events", json=body)
            ids.append(answer.raise_for_status().json()["id"])

        for _ in range(3):
            await publish()
        others = [await stack.enter_async_context(sse(live.url, path, accept)) for _ in range(2)]
        reader = await stack.enter_async_context(sse(live.url, f"{path}&heartbeat=1", accept))
        for one in (*others, reader):
            await one.has("caught_up")
        for _ in range(4):
            await publish()
            await reader.has_ids(ids)
        comments = reader.parser.comments
        await wait_until(lambda: reader.parser.comments > comments, "no heartbeat came")
        for _ in range(4):
            await publish()
            await reader.has_ids(ids)
        await publish("completed")
        await wait_until(lambda: reader.ended, "it has no end")
    assert reader.ids == ids
    return reader


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_cut_at_any_byte_leaves_what_came_before_and_loses_nothing(
    coding: str, live_server: Live, project: str
) -> None:
    """What was decoded is as it would be plain; who resumes behind it is told the rest, once."""
    path = f"/api/v1/jobs/{project}/stream?from=earliest"
    whole = await whole_stream(live_server, project, path, coding)
    plain = decoder_of(coding).feed(whole.raw)
    rests: dict[str, list[str]] = {}

    async def rest_after(cursor: str) -> list[str]:
        if cursor not in rests:
            resume = {"Accept-Encoding": coding, **({"Last-Event-ID": cursor} if cursor else {})}
            async with sse(live_server.url, path, resume) as reader:
                await wait_until(lambda: reader.ended, "it has no end")
            rests[cursor] = reader.ids
        return rests[cursor]

    decoder, parser, came = decoder_of(coding), EventSourceParser(), b""
    for at in range(len(whole.raw)):
        heard = [event.body["id"] for event in parser.events if "id" in event.body]
        assert heard + await rest_after(parser.cursor) == whole.ids, f"cut after {at} bytes"
        piece = decoder.feed(whole.raw[at : at + 1])
        came += piece
        assert plain.startswith(came), f"what came of {at + 1} bytes"
        parser.feed(piece)
    assert came == plain
    assert decoder.is_whole
    assert len(rests) > 8  # of a frame of several events some codings have all at once
