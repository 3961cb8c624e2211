"""What passes through the URL by which a server is reached, and what to do about what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from ..client.passage import Passage, pass_through
from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from .finding import Finding

#: Seconds that two clocks may differ: a token is made and checked within them, and an event's
#: time is shown beside the reader's own.
SKEW: Final = 2.0
#: Seconds after which an event that comes is late.
_LATE: Final = 1.0

#: What is to be done about each refusal, by its code.
_WAYS_OUT: Final = {
    "unknown_host": "name its host in STREAMER_ALLOWED_HOSTS, or let the proxy pass Host on",
    "unauthorized": "give --token",
    "invalid_token": "give --token, one of this server's",
    "token_expired": "give another --token",
    "forbidden": "give a --token that may read and publish checks/*",
    "403": "let the proxy pass /api/v1 on",
    "404": "let the proxy pass /healthz and /api/v1 on to the server, with the path as it is",
    "502": "start the server, or correct the address that the proxy has of it",
    "504": "start the server, or correct the address that the proxy has of it",
    "unreachable": "start it, or correct --url",
    "stranger": "correct --url, or let the proxy pass /healthz on",
    "moved": "give that as --url",
}


def probe_public(settings: Settings, *, patience: float = 5.0) -> list[Finding]:
    """Open a stream through `settings.url`, and say where bytes stay; nothing without a URL."""
    if settings.url is None:
        return []
    origins = [origin for origin in settings.allowed_origins or () if origin != "*"]
    origin = origins[0] if origins else None
    passage = asyncio.run(
        pass_through(settings.url, token=settings.token, origin=origin, patience=patience)
    )
    return list(_findings(passage, without_userinfo(settings.url), origin))


def _findings(passage: Passage, url: str, origin: str | None) -> Iterator[Finding]:
    if passage.refused is not None:
        code, detail = passage.refused
        way = _WAYS_OUT.get(code)
        found = f"{url}: {message(detail)}"
        yield Finding("URL", f"{found}; {way}" if way else found, good=False)
        return
    said = f", {passage.server}" if passage.server else ""
    yield Finding("URL", f"{url} answers{said}")
    yield _stream(passage)
    yield from _heartbeats(passage)
    if passage.encoding:
        yield Finding(
            "Compression",
            f"the proxy compresses streams ({passage.encoding}), which may keep events back; "
            "leave text/event-stream out of it (nginx: gzip off)",
            good=None,
        )
    if origin is not None:
        yield _origin(passage, origin)
    yield _websocket(passage)
    if passage.http2 is not None:
        yield _http2(passage.http2)
    if passage.ahead is not None:
        yield clocks("The clock there", passage.ahead, precision=1.0)


def _stream(passage: Passage) -> Finding:
    buffering = "turn off the proxy's buffering (nginx: proxy_buffering off; docs/PROXIES.md)"
    if passage.head is None:
        found = f"not even the head of its answer comes through: {buffering}"
        return Finding("Stream", found, good=False)
    if passage.first is None:
        found = f"its head comes through, and its first event stays on the way: {buffering}"
        return Finding("Stream", found, good=False)
    if passage.unpublished is not None:
        found = (
            f"its first event came after {_ms(passage.first)}; none was sent through "
            f"({message(passage.unpublished)}): give a --token that may publish to checks/*"
        )
        return Finding("Stream", found, good=None)
    if passage.seen is None:
        found = f"its first event comes through, and later ones stay on the way: {buffering}"
        return Finding("Stream", found, good=False)
    found = (
        f"its first event came after {_ms(passage.first)}, one that was published "
        f"{_ms(passage.seen)} later"
    )
    if passage.seen > _LATE:
        return Finding("Stream", f"{found}, which is late: {buffering}", good=None)
    return Finding("Stream", found)


def _heartbeats(passage: Passage) -> Iterator[Finding]:
    if passage.first is None:
        return
    if passage.beat:
        yield Finding("Heartbeats", "come through")
    else:
        found = "stay on the way: a proxy will take an idle stream for dead; turn off its buffering"
        yield Finding("Heartbeats", found, good=False)


def _origin(passage: Passage, origin: str) -> Finding:
    if passage.allowed_origin in {origin, "*"}:
        return Finding("Pages", f"of {origin} may read it")
    found = (
        f"of {origin} may not read it, though STREAMER_ALLOWED_ORIGINS has it: set that for the "
        "server too, and let the proxy pass Access-Control-Allow-Origin on"
    )
    return Finding("Pages", found, good=False)


def _websocket(passage: Passage) -> Finding:
    if passage.websocket is None:
        return Finding("WebSocket", "can be opened")
    found = (
        f"cannot be opened: {message(passage.websocket)}; let the proxy pass Upgrade and "
        "Connection on, over HTTP/1.1 (docs/PROXIES.md)"
    )
    return Finding("WebSocket", found, good=False)


def _http2(offered: bool) -> Finding:  # noqa: FBT001 - the one fact that it is about
    if offered:
        return Finding("HTTP", "HTTP/2 is offered: a page may have a hundred streams")
    found = "HTTP/1.1 alone: a browser opens six connections to it, for all tabs; offer HTTP/2"
    return Finding("HTTP", found, good=None)


def clocks(whose: str, ahead: float, *, precision: float) -> Finding:
    """What is said of a clock that is so many seconds ahead, known to `precision` seconds."""
    if abs(ahead) <= SKEW + precision:
        return Finding("Clock", f"{whose} agrees with ours")
    way = "ahead of" if ahead > 0 else "behind"
    found = (
        f"{whose} is {abs(ahead):.0f} s {way} ours: tokens end at the wrong time, and events "
        "bear it; let both be set by NTP"
    )
    return Finding("Clock", found, good=None)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
