"""Whether a server counts exactly the readers that it has, and lets as many in as it may."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx

from .waiting import wait_until

#: Seconds that a connection may take to begin.
_BEGIN: Final = 10.0


async def counted(url: str) -> int:
    """The readers of the server's process, once for each of their topics."""
    answer = await _get(f"{url}/api/v1/ws/health")
    number: int = answer["active_connections"]
    return number


async def counted_everywhere(url: str) -> dict[str, int]:
    """Readers of every project, over all processes, also those that were killed lately."""
    answer = await _get(f"{url}/api/v1/ws/connections")
    projects: dict[str, int] = answer["projects"]
    assert answer["total_connections"] == sum(projects.values()), answer
    return projects


async def let_in(port: int, count: int) -> int:
    """Open `count` streams at the same time, and leave; return how many were let in."""
    async with AsyncExitStack() as stack:
        answers = []
        for number in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            path = f"/api/v1/stream?topic=projects/spare-{number}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            answers.append(reader)
        async with asyncio.timeout(_BEGIN):
            firsts = [await reader.readuntil(b"\ndata: ") for reader in answers]
    return sum(b"event: connected" in first for first in firsts)


async def _get(url: str) -> Any:  # noqa: ANN401 - any JSON
    """The answer to `url`, once the log can be asked: what broke it last may still be felt."""

    async def answered() -> httpx.Response | None:
        answer = await client.get(url)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return None
        answer.raise_for_status()
        return answer

    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        found = await wait_until(answered, f"{url} is still refused")
        assert found is not None
        return found.json()
