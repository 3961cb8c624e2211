"""``?until=end`` on what is no job's: a return is kept open where a first visit is."""

from __future__ import annotations

import httpx
import pytest

from support.live import Live
from support.readers import SseReader, publish, sse, websocket


async def _ended_project(client: httpx.AsyncClient, project: str) -> str:
    await publish(client, project, "progress", task_name="t", progress=0.5)
    return await publish(client, project, "completed", task_name="t")


def _cursor(reader: SseReader) -> str:
    return reader.events[-1].last_event_id


@pytest.mark.parametrize("another", [False, True])
async def test_who_came_after_an_end_comes_back_and_waits_on(
    live: Live, project: str, another: bool
) -> None:
    """An EventSource that blinks must not be told 204: it would never see the next job."""
    path = f"/api/v1/projects/{project}/stream?until=end"
    async with httpx.AsyncClient(base_url=live.url) as client:
        await _ended_project(client, project)
        if another:  # the log has gone on elsewhere
            await publish(client, f"{project}-other", "note")
        cursor = ""
        for _ in range(3):
            headers = {"Last-Event-ID": cursor} if cursor else {}
            async with sse(live.url, path, headers) as reader:
                assert reader.status == 200
                await reader.has("connected", "caught_up")
                cursor = _cursor(reader)
        async with sse(live.url, path, {"Last-Event-ID": cursor}) as reader:
            id_ = await publish(client, project, "completed", task_name="again")
            await reader.has("completed", "end")
            assert reader.ids == [id_]


async def test_who_was_given_the_end_is_answered_that_there_is_no_more(
    live: Live, project: str
) -> None:
    """Also by way of the last event alone, and where the log has gone on since."""
    path = f"/api/v1/projects/{project}/stream?until=end"
    async with httpx.AsyncClient(base_url=live.url) as client:
        end = await _ended_project(client, project)
        async with sse(live.url, path, {"Last-Event-ID": end}) as reader:
            assert reader.status == 204
        await publish(client, project, "progress", task_name="t", progress=0.1)
        async with sse(live.url, path, {"Last-Event-ID": end}) as reader:
            assert reader.status == 204
        async with websocket(live.ws_url, f"{path}&last_event_id={end}") as socket:
            assert (await socket.is_closed())[0] == 1000
            assert socket.bodies[-1]["type"] == "end"
            assert socket.bodies[-1]["topic"] == f"projects/{project}"


async def test_of_several_topics_one_that_ended_before_keeps_no_return_away(
    live: Live, project: str
) -> None:
    path = f"/api/v1/stream?topic=projects/{project}&topic=projects/{project}-2&until=end"
    async with httpx.AsyncClient(base_url=live.url) as client:
        for name in (project, f"{project}-2"):
            await _ended_project(client, name)
        async with sse(live.url, path) as reader:
            await reader.has("connected", "caught_up")
            cursor = _cursor(reader)
        async with sse(live.url, path, {"Last-Event-ID": cursor}) as reader:
            assert reader.status == 200
            await reader.has("connected", "caught_up")


async def test_who_came_from_the_earliest_and_was_cut_at_once_comes_back(
    live: Live, project: str
) -> None:
    """It stands at the origin, before which there is no event to be looked for."""
    path = f"/api/v1/projects/{project}/stream?until=end"
    async with httpx.AsyncClient(base_url=live.url) as client:
        id_ = await publish(client, project, "note")
        for address in (path, f"/api/v1/projects/{project}/stream?until=end&from=earliest"):
            async with sse(live.url, address, {"Last-Event-ID": "0-0"}) as reader:
                await reader.has("connected", "note", "caught_up")
                assert reader.ids == [id_]
        async with websocket(live.ws_url, f"{path}&last_event_id=0-0") as socket:
            await socket.has("connected", "note", "caught_up")
