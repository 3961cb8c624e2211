"""One GET that ends, whatever the other side does."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from streamer.access.bounded_get import Failed, get

URL = "https://issuer.example/keys?secret=hunter2"


def client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=None)


class Silent(httpx.AsyncBaseTransport):
    """Takes the request, and answers nothing."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


class Failing(httpx.AsyncBaseTransport):
    """Fails as the network does, with the request in what it says."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}") from OSError("hunter2")


async def test_nobody_is_waited_for_for_ever() -> None:
    async with client(Silent()) as http:
        with pytest.raises(Failed, match=r"no answer in 0\.02 seconds"):
            await get(http, URL, seconds=0.02, most_bytes=10)


async def test_a_failure_says_of_what_kind_it_is_and_not_what_was_sent() -> None:
    async with client(Failing()) as http:
        with pytest.raises(Failed) as caught:
            await get(http, URL, headers=[(b"cookie", b"hunter2")], seconds=1, most_bytes=10)
    assert str(caught.value) == "it cannot be reached (OSError)"


async def test_a_body_may_be_as_large_as_is_said_and_no_larger() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        size = int(request.url.params["size"])
        return httpx.Response(200, stream=httpx.ByteStream(b"x" * size))

    async with client(httpx.MockTransport(answer)) as http:
        assert (await get(http, f"{URL}&size=10", seconds=1, most_bytes=10)).body == b"x" * 10
        with pytest.raises(Failed, match="larger than 10 bytes"):
            await get(http, f"{URL}&size=11", seconds=1, most_bytes=10)


async def test_a_url_that_is_none_is_a_failure() -> None:
    async with client(Failing()) as http:
        with pytest.raises(Failed):
            await get(http, "https://a b/", seconds=1, most_bytes=10)
