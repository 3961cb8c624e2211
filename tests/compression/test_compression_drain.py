"""A server that stops ends every coded stream as its coding wants it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from support.live import StartLive
from support.readers import sse
from support.waiting import wait_until


@pytest.mark.parametrize("path", ["fast", "portable"])
async def test_a_drain_ends_streams_that_are_in_step_and_each_coding_with_them(
    path: str, start_live: StartLive, project: str
) -> None:
    """Each is asked to come back by itself, behind what was shared."""
    live = start_live(path)
    stream = f"/api/v1/projects/{project}/stream?heartbeat=60"
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(sse(live.url, stream, {"Accept-Encoding": coding}))
            for coding in ("gzip", "gzip", "zstd", "zstd", "identity")
        ]
        for reader in readers:
            await reader.has("caught_up")
        ids: list[str] = []
        async with httpx.AsyncClient(base_url=live.url) as client:
            for _ in range(4):
                url = f"/api/v1/projects/{project}/events"
                answer = await client.post(url, json={"type": "note"})
                ids.append(answer.raise_for_status().json()["id"])
                for reader in readers:
                    await reader.has_ids(ids)
        await asyncio.to_thread(live.stop)
        # Each has looked whether its coding is whole.
        await wait_until(lambda: all(reader.ended for reader in readers), "one has no end")
        for reader in readers:
            assert reader.types[-1] == "reconnect"
            assert reader.ids == ids
