"""Topics that are added to a WebSocket with a cursor of their own: all that is owed, once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.live import Live, StartLive
from support.readers import SocketReader, websocket

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])


async def _publish(client: httpx.AsyncClient, *topics: str) -> str:
    answer = await client.post("/api/v1/events", json={"topics": topics, "type": "note"})
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


async def _subscribe(reader: SocketReader, topic: str, last_event_id: str) -> None:
    before = reader.types.count("subscribed")
    await reader.send({"type": "subscribe", "topic": topic, "last_event_id": last_event_id})
    await reader.has_types("subscribed", before + 1)


def _gaps(reader: SocketReader) -> list[dict[str, Any]]:
    return [body for body in reader.bodies if body["type"] == "gap"]


async def test_a_topic_that_is_added_ahead_of_the_connection_repeats_nothing(
    live: Live, project: str
) -> None:
    """Whoever reconnects on a quiet topic, and subscribes to a busy one again, is there."""
    quiet, busy = f"{project}/quiet", f"{project}/busy"
    async with httpx.AsyncClient(base_url=live.url) as client:
        start = await _publish(client, quiet)
        had = [await _publish(client, busy) for _ in range(3)]
        both = await _publish(client, quiet, busy)
        path = f"/api/v1/stream?topic={quiet}&last_event_id={start}"
        async with websocket(live.ws_url, path) as reader:
            # Both at once: it is added before the connection has caught up, or after.
            await reader.send({"type": "subscribe", "topic": busy, "last_event_id": had[1]})
            await reader.has_types("subscribed", 1)
            new = await _publish(client, busy)
            await reader.has_ids_in_any_order({both, had[2], new})
            assert had[1] not in reader.ids
            assert len(reader.ids) == 3
            assert _gaps(reader) == []


async def test_a_topic_that_is_added_far_ahead_begins_where_its_cursor_says(
    live: Live, project: str
) -> None:
    """The connection itself comes from before everything."""
    old, other = f"{project}/old", f"{project}/other"
    async with httpx.AsyncClient(base_url=live.url) as client:
        mixed = [await _publish(client, topic) for topic in (old, other, old, other, old)]
        path = f"/api/v1/stream?topic={old}&from=earliest"
        async with websocket(live.ws_url, path) as reader:
            await reader.send({"type": "subscribe", "topic": other, "last_event_id": mixed[3]})
            await reader.has_types("subscribed", 1)
            new = await _publish(client, other)
            await reader.has_ids_in_any_order({mixed[0], mixed[2], mixed[4], new})
            assert len(reader.ids) == 4


@PATHS
@pytest.mark.parametrize("start", ["resumes", "from=earliest"])
async def test_what_one_topic_lost_comes_by_another_that_is_added_and_has_it(
    start_live: StartLive, project: str, path: str, start: str
) -> None:
    """That a topic was read does not say that its event was received: it may have been trimmed."""
    live = start_live(path, STREAMER_RETENTION="tiny=2:1h")
    tiny, kept = f"tiny/{project}", f"kept/{project}"
    async with httpx.AsyncClient(base_url=live.url) as client:
        before = await _publish(client, tiny, kept)
        event = await _publish(client, tiny, kept)
        newest = [await _publish(client, tiny) for _ in range(2)]
        query = f"last_event_id={before}" if start == "resumes" else start
        async with websocket(live.ws_url, f"/api/v1/stream?topic={tiny}&{query}") as reader:
            await reader.has_ids(newest)
            assert len(_gaps(reader)) == (1 if start == "resumes" else 0)
            await _subscribe(reader, kept, before)
            await reader.has_ids([*newest, event])


async def test_a_cursor_beyond_the_log_is_a_gap_of_its_topic_alone(
    live: Live, project: str
) -> None:
    """It is of another log, or of one that was rolled back."""
    first, second = f"{project}/first", f"{project}/second"
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        websocket(live.ws_url, f"/api/v1/stream?topic={first}") as reader,
    ):
        await reader.has("connected", "caught_up")
        await _subscribe(reader, second, "99999999999999-0")
        await reader.has("subscribed", "gap")
        (gap,) = _gaps(reader)
        assert (gap["topic"], gap["reason"]) == (second, "reset")
        ids = [await _publish(client, topic) for topic in (first, second)]
        await reader.has_ids(ids)
