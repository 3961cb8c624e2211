"""A stream opened through a public URL, to see what passes and where bytes stay."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from ..config.server_url import API
from .bearer import presented
from .frames import Frames, FrameTooLarge
from .open_client import checked_url, open_client, trusted
from .refusals import Refused, refusal

#: Where what is sent through is published: kept nowhere, and read by nobody else.
_TOPIC: Final = "checks/{name}"
#: Seconds between the heartbeats that are asked for.
_HEARTBEAT: Final = 1


class Passage(msgspec.Struct):
    """What passed.

    Attributes:
        refused: why nothing could be tried, with the error's code; None if all was.
        server: what the answer calls itself, and the proxies that it names.
        ahead: seconds by which the clock there is ahead of ours; None if it is not said.
        http2: whether HTTP/2 is offered; None without TLS.
        head: seconds until the head of the stream came; None if it did not come in time.
        first: seconds until its first event did.
        seen: seconds from publishing an event until it came; None if it did not.
        unpublished: why none could be published.
        beat: whether a heartbeat came.
        encoding: how the stream was compressed on its way; empty if it was not.
        allowed_origin: which origin the answer allows; None if none was asked for, or said.
        websocket: why no WebSocket can be opened; None if one can.
    """

    refused: tuple[str, str] | None = None
    server: str = ""
    ahead: float | None = None
    http2: bool | None = None
    head: float | None = None
    first: float | None = None
    seen: float | None = None
    unpublished: str | None = None
    beat: bool = False
    encoding: str = ""
    allowed_origin: str | None = None
    websocket: str | None = None


async def pass_through(
    url: str, *, token: str | None = None, origin: str | None = None, patience: float = 5.0
) -> Passage:
    """Open a stream and a WebSocket through `url`, and send an event through each.

    `origin` is that of a page that is to read it; `patience` in seconds is for each step.

    Raises:
        InvalidServerURL: `url` is malformed.
        Refused: the environment names a proxy or certificates that cannot be used, or the
            token is none.
    """
    passage = Passage()
    topic = _TOPIC.format(name=secrets.token_hex(8))
    async with open_client(httpx.AsyncClient, url, timeout=patience) as client:
        try:
            await _ask_health(client, passage)
            if passage.refused is None:
                passage.http2 = await _offers_http2(url, patience)
                await _Trial(client, passage, topic, token, patience).stream(origin)
        except httpx.RequestError as error:
            passage.refused = ("unreachable", str(error) or "no answer in time")
    if passage.refused is None:
        passage.websocket = await _websocket(url, topic, token, patience)
    return passage


async def _ask_health(client: httpx.AsyncClient, passage: Passage) -> None:
    answer = await client.get("/healthz")
    named = (answer.headers.get("Server"), answer.headers.get("Via"))
    passage.server = ", ".join(name for name in named if name)
    if date := answer.headers.get("Date"):
        try:
            passage.ahead = parsedate_to_datetime(date).timestamp() - time.time()
        except ValueError:
            passage.ahead = None
    if answer.has_redirect_location:
        passage.refused = ("moved", f"it has moved to {answer.headers['Location']}")
    elif not answer.is_success:
        passage.refused = _why(answer)
    elif not answer.headers.get("Content-Type", "").startswith("application/json"):
        passage.refused = ("stranger", "what answers there is no Streamer")


async def _offers_http2(url: str, patience: float) -> bool | None:
    parts = urlsplit(checked_url(url))
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only what it offers
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context
            )
    except (OSError, TimeoutError):
        return None
    session: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return session.selected_alpn_protocol() == "h2"


class _Coming:
    """The frames of a stream, as they come."""

    def __init__(self) -> None:
        self.types: Final[list[str]] = []
        self.pieces = 0
        self._news: Final = asyncio.Event()

    async def read(self, answer: httpx.Response) -> None:
        """Read on, until it ends or is cancelled."""
        frames = Frames()
        try:
            async for piece in answer.aiter_bytes():
                self.pieces += 1
                self.types.extend(received.type for received in frames.feed(piece))
                self._news.set()
        except (httpx.HTTPError, FrameTooLarge):
            self._news.set()

    async def until(self, has_come: Callable[[], bool], patience: float) -> float | None:
        """Seconds until something has come; None if it has not within `patience`."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                while not has_come():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return time.monotonic() - began


class _Trial:
    """One stream through the URL, and an event that is sent through it."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        passage: Passage,
        topic: str,
        token: str | None,
        patience: float,
    ) -> None:
        self._client: Final = client
        self._passage: Final = passage
        self._topic: Final = topic
        self._proof: Final = presented(token)
        self._patience: Final = patience
        self._coming: Final = _Coming()

    async def stream(self, origin: str | None) -> None:
        """Open the stream, and note what comes."""
        # The server heeds what is liked best; whoever compresses on the way takes what it may.
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity, gzip;q=0.5"}
        if origin is not None:
            headers["Origin"] = origin
        request = self._client.build_request(
            "GET",
            f"{API}/stream",
            params={"topic": self._topic, "heartbeat": str(_HEARTBEAT)},
            headers=headers,
            timeout=httpx.Timeout(self._patience, read=None),
        )
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._client.send(request, stream=True, **self._proof)
        except TimeoutError:
            return
        self._passage.head = time.monotonic() - began
        reading = None
        try:
            if answer.status_code != httpx.codes.OK:
                await answer.aread()
                self._passage.refused = _why(answer)
                return
            self._passage.encoding = answer.headers.get("Content-Encoding", "")
            self._passage.allowed_origin = answer.headers.get("Access-Control-Allow-Origin")
            reading = asyncio.create_task(self._coming.read(answer))
            await self._look(self._passage.head)
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await answer.aclose()

    async def _look(self, head: float) -> None:
        coming, passage = self._coming, self._passage
        first = await coming.until(lambda: "connected" in coming.types, self._patience)
        if first is None:  # nor would anything else come
            return
        passage.first = head + first
        await self._send_through()
        pieces = coming.pieces
        beat = await coming.until(lambda: coming.pieces > pieces, self._patience + _HEARTBEAT)
        passage.beat = beat is not None

    async def _send_through(self) -> None:
        body = {"type": "check", "topic": self._topic}
        posted = await self._client.post(
            f"{API}/events", params={"ephemeral": "true"}, json=body, **self._proof
        )
        if posted.is_success:
            coming = self._coming
            self._passage.seen = await coming.until(lambda: "check" in coming.types, self._patience)
        else:
            self._passage.unpublished = _why(posted)[1]


async def _websocket(url: str, topic: str, token: str | None, patience: float) -> str | None:
    base = checked_url(url)
    address = f"ws{base.removeprefix('http')}{API}/stream?topic={topic}"
    options: dict[str, Any] = {"ssl": trusted()} if base.startswith("https") else {}
    if token is not None:
        options["additional_headers"] = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            asyncio.timeout(patience),
            connect(address, open_timeout=patience, close_timeout=1.0, **options) as connection,
        ):
            await connection.recv()
    except InvalidStatus as error:
        return f"its handshake is answered with {error.response.status_code}"
    except TimeoutError:
        return "nothing came over one in time"
    except (OSError, InvalidHandshake, InvalidMessage, EOFError) as error:
        return str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what stops people
        return f"{type(error).__name__}: {error}"
    return None


def _why(answer: httpx.Response) -> tuple[str, str]:
    error: Refused = refusal(answer.status_code, answer.content)
    return (error.code or str(answer.status_code), error.detail)
