"""PyPI ``aiohttp-sse-client``: aiohttp's timeout of 5 min for a whole answer is lifted."""

import asyncio
import json

from again import again
from aiohttp import ClientTimeout
from aiohttp_sse_client.client import EventSource  # type: ignore[import-untyped]


def read(url: str, last: list[str]) -> None:
    async def follow() -> None:
        headers = {"Last-Event-ID": last[0]} if last[0] else {}
        timeout = ClientTimeout(total=None, sock_read=40)
        async with EventSource(url, headers=headers, timeout=timeout) as source:
            async for event in source:
                print(json.dumps({"id": event.last_event_id, "data": event.data}), flush=True)
                last[0] = event.last_event_id

    asyncio.run(follow())


again(read)
