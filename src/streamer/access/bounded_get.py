"""One GET to somebody who is trusted, and who may still be away, slow or broken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final, NamedTuple

import httpx

#: An answer is counted as it comes, so it must not be packed: 256 KiB unpack to 256 MiB.
_ASKED: Final = [(b"accept", b"application/json"), (b"accept-encoding", b"identity")]


class Failed(Exception):
    """There is no answer that can be used; the text says why, without the URL."""


class Answer(NamedTuple):
    """What came back, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes


async def get(
    client: httpx.AsyncClient,
    url: str,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    seconds: float,
    most_bytes: int,
    places: asyncio.Semaphore | None = None,
) -> Answer:
    """GET `url` and return the answer, whole in `seconds` and of `most_bytes` at most.

    `places` are for those who may ask at the same time; waiting for one counts. The limit
    of httpx's pool is not used: of those who wait there and leave, it keeps places for ever.

    Redirects are not followed: where the answer is from is the operator's word, and not
    that of whoever answers.

    Raises:
        Failed: nobody answers, not in time, too much or in another encoding.
    """
    try:
        async with asyncio.timeout(seconds), places or nullcontext():
            return await _get(client, url, [*headers, *_ASKED], most_bytes)
    except TimeoutError:
        raise Failed(f"there is no answer in {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not its text: that may repeat what was sent.
        raise Failed(f"it cannot be reached ({kind_of(error)})") from error


def tls() -> ssl.SSLContext:
    """What HTTPS is trusted by; ``SSL_CERT_FILE`` names other authorities. It takes long."""
    return httpx.create_ssl_context()


async def _get(
    client: httpx.AsyncClient, url: str, headers: list[tuple[bytes, bytes]], most_bytes: int
) -> Answer:
    try:
        return await _get_once(client, url, headers, most_bytes)
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        # A kept connection that the other side closed at this moment is no answer.
        return await _get_once(client, url, headers, most_bytes)


async def _get_once(
    client: httpx.AsyncClient, url: str, headers: list[tuple[bytes, bytes]], most_bytes: int
) -> Answer:
    async with client.stream("GET", url, headers=headers, follow_redirects=False) as response:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Failed("the answer is compressed, which was not asked for")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > most_bytes:
                raise Failed(f"the answer is larger than {most_bytes} bytes")
        return Answer(response.status_code, response.headers, bytes(body))


def kind_of(error: BaseException) -> str:
    """The name of the innermost cause: ``ConnectError`` alone does not tell TLS from DNS."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__
