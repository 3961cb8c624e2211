"""Readers that take nothing for a while, beside one that is in step."""

from __future__ import annotations

import random
import re
from contextlib import AsyncExitStack

import httpx
import pytest

from support.live import StartLive
from support.readers import SseReader, sse
from support.slow_reader import slow_reader
from support.waiting import wait_until

#: Hex digits of an event, half of which no coding saves: a system holds back some MiB.
SIZE = 50_000


def lagging(metrics: str) -> int:
    """How many streams a server says are behind."""
    (count,) = re.findall(r'^streamer_readers\{.*state="lagging".*\} (\d+)', metrics, re.MULTILINE)
    return int(count)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_who_reads_nothing_for_a_while_is_told_all_in_order_and_the_end_is_whole(
    coding: str, start_live: StartLive, project: str
) -> None:
    """One whose network is full leaves those in step in the midst of a window, and comes back."""
    live = start_live(STREAMER_HIGH_WATER="16384")
    path = f"/api/v1/jobs/{project}/stream?heartbeat=60&from=earliest"
    texts = random.Random(3)
    ids: list[str] = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url))

        async def publish(event_type: str = "note", size: int = SIZE) -> None:
            text = texts.randbytes(size // 2).hex()
            body = {"topic": f"jobs/{project}", "type": event_type, "text": text, "task_name": "a"}
            answer = await client.post("/api/v1/events", json=body)
            ids.append(answer.raise_for_status().json()["id"])

        async def lags() -> bool:
            for _ in range(20):
                await publish()
            return lagging((await client.get("/metrics")).text) == 2

        reader = await stack.enter_async_context(sse(live.url, path, {"Accept-Encoding": coding}))
        await reader.has("caught_up")
        slow = [await stack.enter_async_context(slow_reader(live, path, coding)) for _ in range(2)]
        for _ in range(5):  # all of them are in step
            await publish(size=100)
            await reader.has_ids(ids)
        await wait_until(lags, "nobody lags")
        for one in slow:
            one.begin()
        for _ in range(5):
            await publish()
            await reader.has_ids(ids)
        await publish("completed")
        await reader.has("completed", "end")
        for one in slow:
            await one.is_over()
            heard = SseReader()
            heard.request(path, {"Host": "127.0.0.1"})
            heard.feed(one.wire)  # which looks for the end of the coding, too
            assert heard.ended
            assert heard.headers["content-encoding"] == coding
            assert heard.ids == reader.ids == ids
