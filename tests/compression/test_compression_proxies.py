"""A coded stream behind proxies: passed on as it is, or undone for who takes none."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from support.live import Live
from support.nginx import nginx_before
from support.proxies import NAMES, proxy_before
from support.readers import SseReader, sse
from support.waiting import wait_until

#: Nothing but events comes.
QUERY = "heartbeat=60&from=earliest&until=end"
EVENTS = 6


async def publish(live: Live, project: str, event_type: str = "note") -> str:
    async with httpx.AsyncClient(base_url=live.url) as client:
        path = f"/api/v1/projects/{project}/events"
        answer = await client.post(path, json={"type": event_type, "text": "so much " * 20})
        return str(answer.raise_for_status().json()["id"])


async def read_one_by_one(readers: list[SseReader], live: Live, project: str) -> None:
    """Publish each event when all have read the one before it, and an end."""
    ids = list(readers[0].ids)
    for _ in range(EVENTS):
        ids.append(await publish(live, project))
        for reader in readers:
            await reader.has_ids(ids)
    await publish(live, project, "completed")
    for reader in readers:
        await reader.has("completed", "end")
        await wait_until(lambda: reader.ended, "it has no end")  # noqa: B023 - waited for here


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_proxy_passes_the_coding_on_and_each_event_as_it_comes(
    name: str, coding: str, live_server: Live, project: str, short_dir: Path
) -> None:
    """With the files of deploy/proxies, to readers that are in step, and to one that comes late."""
    port, accept = live_server.port, {"Accept-Encoding": coding}
    path = f"/api/v1/projects/{project}/stream?{QUERY}"
    ids = [await publish(live_server, project)]
    with proxy_before(name, (port, port), short_dir) as url:
        async with AsyncExitStack() as stack:
            readers = []
            for _ in range(3):
                readers.append(await stack.enter_async_context(sse(url, path, accept)))
                await readers[-1].has("caught_up")
                ids.append(await publish(live_server, project))
                for reader in readers:
                    await reader.has_ids(ids)
            await read_one_by_one(readers, live_server, project)
            assert {one.headers["content-encoding"] for one in readers} == {coding}


async def test_nginx_undoes_gzip_for_who_takes_none_as_each_event_comes(
    live_server: Live, project: str, short_dir: Path
) -> None:
    port = live_server.port
    path = f"/api/v1/projects/{project}/stream?{QUERY}"
    await publish(live_server, project)
    with nginx_before((port, port), short_dir, asking="gzip", unpacking=True) as url:
        async with sse(url, path) as plain, sse(url, path, {"Accept-Encoding": "gzip"}) as coded:
            for reader in (plain, coded):
                await reader.has("caught_up")
            await read_one_by_one([plain, coded], live_server, project)
            assert "content-encoding" not in plain.headers
            assert coded.headers["content-encoding"] == "gzip"
