"""Opening a stream: what may be asked for, and over which transport it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from .bearer import presented
from .open_client import checked_url
from .reader import HEARTBEAT, HEARTBEAT_RANGE, MAX_RATE, MIN_RATE, Reader
from .sse import AsyncSse, Sse
from .stream import (
    AsyncEventStream,
    AsyncLine,
    AsyncToken,
    EventStream,
    Line,
    OnReconnect,
    Token,
)

#: How events come: server-sent events, or a WebSocket.
Transport = Literal["sse", "websocket"]
_TRANSPORTS: Final = ("sse", "websocket")


def follow(
    url: str,
    *topics: str,
    after: str | None = None,
    start: str = "latest",
    until_end: bool = False,
    token: Token | None = None,
    transport: Transport = "sse",
    heartbeat: int = HEARTBEAT,
    rate: float | None = None,
    max_attempts: int | None = None,
    on_reconnect: OnReconnect | None = None,
) -> EventStream:
    """Reader `topics`: every event in order, over as many connections as it takes.

    A `ConnectedEvent` with the last known state comes first, and a `GapEvent` stands
    where events are missing. It ends after the `EndEvent` of the last of its jobs; other
    topics have none, unless `until_end`.

    Args:
        url: the server, as in ``http://localhost:8000``, with what a proxy puts
            before ``/api`` if anything. Redirects are followed.
        topics: one to a hundred.
        after: resume after this id, the last that was seen; then `start` has no meaning.
        start: where a first visit begins: ``latest``, ``earliest`` or an id.
        until_end: end after the first terminal event, whatever the topic.
        token: what is presented as ``Authorization: Bearer``, or a function that is
            asked for it before each connection, before the token of an open one ends,
            and once more if it is refused (401).
        transport: ``sse``, or ``websocket``: the same events.
        heartbeat: seconds of silence, 1 to 300, after which the server gives a sign of
            life. A connection that is silent for three of them is replaced.
        rate: batches of events a second, 0.1 to 50: of a job's progress the newest, of an
            answer's pieces their sum, everything else as it is. None: each event as it comes.
        max_attempts: connections that may fail in a row; None: it never gives up.
        on_reconnect: called for each `Interruption`.

    Raises:
        Refused: the server will not serve this, or its certificate is not trusted;
            from the iteration.
        Unreachable: `max_attempts` failed; from the iteration.
        ValueError: an argument is malformed; `InvalidServerURL` is one.
    """
    checked_url(url)
    reader = _reader(
        topics,
        transport,
        token,
        after=after,
        start=None if start == "latest" else start,
        until_end=until_end,
        heartbeat=heartbeat,
        rate=rate,
        max_attempts=max_attempts,
    )

    def connect(opened: Callable[[Any], None]) -> Line:
        if transport == "sse":
            return Sse(url, reader.silence, opened)
        from .websocket import WebSocket  # noqa: PLC0415 - who does without it need not wait

        return WebSocket(url, reader.silence, opened)

    return EventStream(reader, connect, token, on_reconnect)


def follow_async(
    url: str,
    *topics: str,
    after: str | None = None,
    start: str = "latest",
    until_end: bool = False,
    token: AsyncToken | None = None,
    transport: Transport = "sse",
    heartbeat: int = HEARTBEAT,
    rate: float | None = None,
    max_attempts: int | None = None,
    on_reconnect: OnReconnect | None = None,
) -> AsyncEventStream:
    """Do as `follow`, for asyncio; `token` may be a coroutine function."""
    checked_url(url)
    reader = _reader(
        topics,
        transport,
        token,
        after=after,
        start=None if start == "latest" else start,
        until_end=until_end,
        heartbeat=heartbeat,
        rate=rate,
        max_attempts=max_attempts,
    )

    def connect() -> AsyncLine:
        if transport == "sse":
            return AsyncSse(url, reader.silence)
        from .websocket import AsyncWebSocket  # noqa: PLC0415 - as above

        return AsyncWebSocket(url, reader.silence)

    return AsyncEventStream(reader, connect, token, on_reconnect)


def _reader(
    topics: tuple[str, ...],
    transport: str,
    token: object,
    *,
    heartbeat: int,
    rate: float | None,
    max_attempts: int | None,
    **options: Any,  # noqa: ANN401 - the reader's own
) -> Reader:
    if not topics:
        raise ValueError("no topic to follow; name one or more, as in 'projects/demo'")
    if transport not in _TRANSPORTS:
        raise ValueError(f"transport is {transport!r}; allowed are {', '.join(_TRANSPORTS)}")
    if heartbeat not in HEARTBEAT_RANGE:
        raise ValueError(f"heartbeat is {heartbeat!r}; allowed are 1 to 300 seconds")
    if rate is not None and not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"rate is {rate!r}; allowed are 0.1 to 50 batches a second, or None")
    if max_attempts is not None and max_attempts < 1:
        raise ValueError(f"max_attempts is {max_attempts!r}; allowed are 1 and more, or None")
    if isinstance(token, str):
        presented(token)
    return Reader(
        topics,
        renews=callable(token),
        heartbeat=heartbeat,
        rate=rate,
        max_attempts=max_attempts,
        **options,
    )
