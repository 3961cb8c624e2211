"""Streams over server-sent events: the I/O of one connection, blocking and for asyncio alike."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final

import httpx

from ..config.server_url import API
from .bearer import presented
from .frames import Frames, FrameTooLarge
from .lost import check_trust, not_reached
from .open_client import open_client
from .reader import EVENT_STREAM, Reader
from .received import Received
from .refusals import Lost, Refused

_PATH: Final = f"{API}/stream"
#: Seconds for a connection, and for renewing a token.
CONNECT_TIMEOUT: Final = 10.0
#: Bytes of a refusal that are read: a problem+json has hundreds, a proxy's page thousands.
_LONGEST_REFUSAL: Final = 64 * 1024
_HEADERS: Final = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}


class Sse:
    """The connections of one reader, one after the other.

    `opened` is called with the socket of each, which another thread may shut down.
    """

    def __init__(self, url: str, silence: float, opened: Callable[[Any], None]) -> None:
        self._client: Final = open_client(httpx.Client, url, **_options(silence))
        self._opened: Final = opened

    def close(self) -> None:
        """Release what is kept between connections."""
        self._client.close()

    def frames(self, reader: Reader, token: str | None) -> Generator[Received]:
        """Yield the frames of one connection.

        Raises:
            Lost: it was not made, or was cut.
            Refused: another would fare no better.
        """

        def trace(name: str, info: dict[str, Any]) -> None:
            if name.endswith(("connect_tcp.complete", "start_tls.complete")):
                self._opened(info["return_value"].get_extra_info("socket"))

        try:
            with self._client.stream(
                "GET", _PATH, **_request(reader, token), extensions={"trace": trace}
            ) as answer:
                refused = b""
                if not _may_stream(answer):
                    for piece in answer.iter_bytes():
                        refused += piece
                        if len(refused) > _LONGEST_REFUSAL:
                            break
                if _answered(reader, answer, refused):
                    frames = Frames()
                    for piece in answer.iter_bytes():
                        for received in frames.feed(piece):
                            reader.retry_in(frames.retry_ms)
                            yield received
        except (httpx.RequestError, FrameTooLarge) as error:
            raise _lost(error, reader) from error

    def renew(self, path: str, token: str) -> None:
        """Have the stream go on with `token`; if it does not, it ends, and is resumed."""
        with contextlib.suppress(httpx.RequestError):
            self._client.post(path, timeout=CONNECT_TIMEOUT, **presented(token))


class AsyncSse:
    """`Sse`, for asyncio."""

    def __init__(self, url: str, silence: float) -> None:
        self._client: Final = open_client(httpx.AsyncClient, url, **_options(silence))

    async def close(self) -> None:
        """Release what is kept between connections."""
        await self._client.aclose()

    async def frames(self, reader: Reader, token: str | None) -> AsyncGenerator[Received]:
        """Yield the frames of one connection; raises as `Sse.frames`."""
        try:
            async with self._client.stream("GET", _PATH, **_request(reader, token)) as answer:
                refused = b""
                if not _may_stream(answer):
                    async for piece in answer.aiter_bytes():
                        refused += piece
                        if len(refused) > _LONGEST_REFUSAL:
                            break
                if _answered(reader, answer, refused):
                    frames = Frames()
                    async for piece in answer.aiter_bytes():
                        for received in frames.feed(piece):
                            reader.retry_in(frames.retry_ms)
                            yield received
        except (httpx.RequestError, FrameTooLarge) as error:
            raise _lost(error, reader) from error

    async def renew(self, path: str, token: str) -> None:
        """Have the stream go on with `token`; if it does not, it ends, and is resumed."""
        with contextlib.suppress(httpx.RequestError):
            await self._client.post(path, timeout=CONNECT_TIMEOUT, **presented(token))


def _options(silence: float) -> dict[str, Any]:
    timeout = httpx.Timeout(CONNECT_TIMEOUT, read=silence)
    return {"timeout": timeout, "follow_redirects": True, "headers": _HEADERS}


def _request(reader: Reader, token: str | None) -> dict[str, Any]:
    """The next request; an id is UTF-8 (WHATWG HTML, 9.2.4 "The Last-Event-ID header")."""
    query, headers = reader.request()
    sent = {name.encode(): value.encode(errors="replace") for name, value in headers.items()}
    return {"params": tuple(query), "headers": sent, **presented(token)}


def _may_stream(answer: httpx.Response) -> bool:
    """Whether its body is a stream, by its head; checks that its pieces can be decoded.

    httpx asks for what it can decode, but not every proxy heeds that, and it hands on
    what it cannot.

    Raises:
        Refused: it is in a coding that nobody here can read.
    """
    offered = {name.strip() for name in answer.request.headers["Accept-Encoding"].split(",")}
    for coding in answer.headers.get("Content-Encoding", "identity").lower().split(","):
        if coding.strip() not in offered | {"", "identity"}:
            raise Refused(
                answer.status_code, f"the stream has an encoding not asked for: {coding!r}"
            )
    return answer.is_success and "Content-Type" in answer.headers


def _answered(reader: Reader, answer: httpx.Response, refused: bytes) -> bool:
    return reader.answered(
        answer.status_code,
        refused,
        answer.headers.get("Retry-After"),
        answer.headers.get("Content-Type"),
    )


def _lost(error: httpx.RequestError | FrameTooLarge, reader: Reader) -> Lost:
    """Why a connection was lost.

    Raises:
        Refused: another would be lost the same.
    """
    match error:
        case FrameTooLarge() | httpx.TooManyRedirects() | httpx.UnsupportedProtocol():
            raise Refused(0, str(error)) from error
        case httpx.LocalProtocolError():
            raise Refused(0, f"this request cannot be sent: {error}") from error
        case httpx.ConnectError() | httpx.ConnectTimeout():
            check_trust(error)
            return not_reached(error)
        case httpx.ReadTimeout():
            return Lost(f"nothing was received for {reader.silence:g} s")
        case httpx.DecodingError():
            return Lost(f"what came could not be decoded ({error})")
        case _:
            return Lost(f"the connection was lost ({error or type(error).__name__})")
