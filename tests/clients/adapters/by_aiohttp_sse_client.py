"""PyPI ``aiohttp-sse-client``: aiohttp's timeout of 5 min for a whole answer is lifted."""

import asyncio
from collections.abc import Callable

from aiohttp import ClientTimeout
from aiohttp_sse_client.client import EventSource  # type: ignore[import-untyped]


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    async def read() -> None:
        headers = {"Last-Event-ID": last} if last else {}
        timeout = ClientTimeout(total=None, sock_read=40)
        async with EventSource(url, headers=headers, timeout=timeout) as source:
            async for event in source:
                emit(event.last_event_id, event.data)

    asyncio.run(read())
