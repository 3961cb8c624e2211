"""The I/O around `Follow`: blocking and for asyncio, line for line the same."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Final

import httpx

from ..config.server_url import API
from .bearer import presented
from .follow import READ_TIMEOUT, Follow, Refused
from .frames import Frames, FrameTooLarge
from .open_client import open_client
from .received import Received

_PATH: Final = f"{API}/stream"
#: Seconds; a heartbeat comes well within the read timeout, so silence is a dead connection.
_TIMEOUT: Final = httpx.Timeout(10.0, read=READ_TIMEOUT)
#: Bytes of a refusal that are read: a problem+json has hundreds, a proxy's page thousands.
_LONGEST_REFUSAL: Final = 64 * 1024
#: What OpenSSL calls an answer that is not TLS: http:// is meant.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})

#: A token, or what is called for one before each connection.
Token = str | Callable[[], str]
AsyncToken = str | Callable[[], Awaitable[str]]
#: Called with the reason why a connection ended, and the seconds until the next one.
OnReconnect = Callable[[str, float], None]


def follow(
    url: str,
    *topics: str,
    start: str | None = None,
    until_end: bool = False,
    last_event_id: str | None = None,
    token: Token | None = None,
    on_reconnect: OnReconnect | None = None,
) -> Generator[Received]:
    """Yield every event of `topics` in order, over as many connections as it takes.

    Control events are yielded too: `connected` first. It returns after `end`.

    Args:
        url: the server, as in ``http://localhost:8000``, with what a proxy puts
            before ``/api`` if anything. Redirects are followed.
        topics: one or more.
        start: where a first visit begins: ``earliest``, ``latest`` or an id.
        until_end: end after the first terminal event, whatever the topic.
        last_event_id: resume after this id.
        token: what is presented as ``Authorization: Bearer``, or a function that is
            asked for it before each connection, and once more if it is refused (401).
        on_reconnect: called for every lost connection.

    Raises:
        Refused: the server will not serve this, or its certificate is not trusted.
        InvalidServerURL: `url` is malformed.
    """
    reader = Follow(
        topics,
        start=start,
        until_end=until_end,
        last_event_id=last_event_id,
        renews=callable(token),
    )
    with open_client(httpx.Client, url, timeout=_TIMEOUT, follow_redirects=True) as client:
        while True:
            query, headers = _request(reader)
            try:
                with client.stream(
                    "GET",
                    _PATH,
                    params=query,
                    headers=headers,
                    **presented(token() if callable(token) else token),
                ) as answer:
                    if _is_open(reader, answer, _refusal(_decoded(answer))):
                        frames = Frames()
                        for received in answer.iter_bytes():
                            for event in frames.feed(received):
                                reader.retry_in(frames.retry_ms)
                                reader.take(event)
                                yield event
                                if reader.done:
                                    return
                reason = reader.reason or _reason(answer)
            except (httpx.RequestError, FrameTooLarge) as error:
                reason = _lost(error)
            if reader.done:
                return
            seconds = reader.wait()
            if on_reconnect is not None:
                on_reconnect(reason, seconds)
            time.sleep(seconds)


async def follow_async(
    url: str,
    *topics: str,
    start: str | None = None,
    until_end: bool = False,
    last_event_id: str | None = None,
    token: AsyncToken | None = None,
    on_reconnect: OnReconnect | None = None,
) -> AsyncGenerator[Received]:
    """Do as `follow`, for asyncio; `token` may be a coroutine function."""
    reader = Follow(
        topics,
        start=start,
        until_end=until_end,
        last_event_id=last_event_id,
        renews=callable(token),
    )
    async with open_client(
        httpx.AsyncClient, url, timeout=_TIMEOUT, follow_redirects=True
    ) as client:
        while True:
            query, headers = _request(reader)
            try:
                async with client.stream(
                    "GET",
                    _PATH,
                    params=query,
                    headers=headers,
                    **presented(await token() if callable(token) else token),
                ) as answer:
                    if _is_open(reader, answer, await _refusal_async(_decoded(answer))):
                        frames = Frames()
                        async for received in answer.aiter_bytes():
                            for event in frames.feed(received):
                                reader.retry_in(frames.retry_ms)
                                reader.take(event)
                                yield event
                                if reader.done:
                                    return
                reason = reader.reason or _reason(answer)
            except (httpx.RequestError, FrameTooLarge) as error:
                reason = _lost(error)
            if reader.done:
                return
            seconds = reader.wait()
            if on_reconnect is not None:
                on_reconnect(reason, seconds)
            await asyncio.sleep(seconds)


def _is_open(reader: Follow, answer: httpx.Response, body: bytes) -> bool:
    return reader.answered(
        answer.status_code,
        body,
        answer.headers.get("Retry-After"),
        answer.headers.get("Content-Type", ""),
    )


def _request(reader: Follow) -> tuple[tuple[tuple[str, str], ...], dict[bytes, bytes]]:
    """The next request; an id is UTF-8 (WHATWG HTML, 9.2.4 "The Last-Event-ID header")."""
    query, headers = reader.request()
    return query, {name.encode(): value.encode(errors="replace") for name, value in headers.items()}


def _decoded(answer: httpx.Response) -> httpx.Response:
    """`answer`, whose pieces can be decoded; httpx itself hands on what it cannot decode.

    It asks for what it can decode, but not every proxy heeds that.

    Raises:
        Refused: it is in a coding that nobody here can read.
    """
    offered = {name.strip() for name in answer.request.headers["Accept-Encoding"].split(",")}
    for coding in answer.headers.get("Content-Encoding", "identity").lower().split(","):
        if coding.strip() not in offered | {"", "identity"}:
            raise Refused(
                answer.status_code, f"the stream has an encoding not asked for: {coding!r}"
            )
    return answer


def _refusal(answer: httpx.Response) -> bytes:
    """The body of an answer that is not a stream, as far as it is worth reading."""
    body = b""
    if not answer.is_success:
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > _LONGEST_REFUSAL:
                break
    return body


async def _refusal_async(answer: httpx.Response) -> bytes:
    body = b""
    if not answer.is_success:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > _LONGEST_REFUSAL:
                break
    return body


def _reason(answer: httpx.Response) -> str:
    if answer.is_success:
        return "the server closed the stream"
    return f"the server answered {answer.status_code}"


def _lost(error: httpx.RequestError | FrameTooLarge) -> str:
    """Why a connection was lost.

    Raises:
        Refused: another would be lost the same.
    """
    match error:
        case FrameTooLarge() | httpx.TooManyRedirects() | httpx.UnsupportedProtocol():
            raise Refused(0, str(error)) from error
        case httpx.LocalProtocolError():
            raise Refused(0, f"this request cannot be sent: {error}") from error
        case httpx.ConnectError() if _is_about_trust(error):
            raise Refused(0, f"the server is not trusted: {error}") from error
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return f"the server cannot be reached ({error or 'no answer'})"
        case httpx.ReadTimeout():
            return f"nothing was received for {READ_TIMEOUT:g} s"
        case httpx.DecodingError():
            return f"what came could not be decoded ({error})"
        case _:
            return f"the connection was lost ({error or type(error).__name__})"


def _is_about_trust(error: BaseException | None) -> bool:
    """Whether the other side does not speak TLS, or is not the server that it claims to be.

    One that is cut off in a handshake is not meant: it may be restarting.
    """
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
            return True
        error = error.__cause__ or error.__context__
    return False
