"""Somebody who is asked over HTTP, without a network: what they answer is the test's word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from .waiting import wait_until


class Body(httpx.AsyncByteStream):
    """Bytes as a network brings them."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


class Endless(httpx.AsyncByteStream):
    """A body that does not end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536


class Answering:
    """Answers with `status`, `headers` and `body`, once `may_answer` is set; keeps `requests`."""

    def __init__(self, body: bytes = b"") -> None:
        self.requests: list[httpx.Request] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes | Endless = body
        self.is_away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """What a transport of httpx wants."""
        self.requests.append(request)
        await self.may_answer.wait()
        if self.is_away:
            raise httpx.ConnectError("refused")
        stream = self.body if isinstance(self.body, Endless) else Body(self.body)
        return httpx.Response(self.status, headers=self.headers, stream=stream)

    def client(self) -> httpx.AsyncClient:
        """An HTTP client whose every request comes here."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    async def was_asked(self, times: int) -> None:
        """Return once it was asked so often, and no more often."""
        await wait_until(lambda: self.asked >= times, f"it was not asked {times} times")
        await settled()
        assert self.asked == times


async def settled() -> None:
    """Let whatever was begun in the background come as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, and no wait
