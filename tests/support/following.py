"""The Python client over each transport, blocking and in an event loop, behind one call."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import pytest

from streamer.client import Event, follow, follow_async
from streamer.wire.websocket import text_frame

from .scripted_server import HEAD, SILENCE
from .waiting import wait_until

#: What RFC 6455, section 1.3, has a server add to a client's key.
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_POSITIONS: Final = ("connected", "caught_up", "gap")

Body = dict[str, Any]


class Way(NamedTuple):
    """How a test follows: over which transport, and whether in an event loop."""

    transport: Any
    asynchronous: bool

    def __str__(self) -> str:
        return f"{self.transport}{'-async' if self.asynchronous else ''}"

    def follow(
        self,
        url: str,
        *topics: str,
        most: int | None = None,
        **options: Any,  # noqa: ANN401 - those of `streamer.follow`
    ) -> list[Event]:
        """All events of a stream, to its end, or the first `most`; then it is closed."""
        return list(self.each(url, *topics, most=most, **options))

    def each(
        self,
        url: str,
        *topics: str,
        most: int | None = None,
        then: Callable[[Event], object] = lambda _: None,
        **options: Any,  # noqa: ANN401 - likewise
    ) -> Sequence[Event]:
        """As `follow`; `then` is called for each event as it comes."""
        if self.asynchronous:
            return asyncio.run(self._collect(url, topics, most, then, options))
        found: list[Event] = []
        with follow(url, *topics, transport=self.transport, **options) as events:
            for event in events:
                found.append(event)
                then(event)
                if len(found) == most:
                    break
        return found

    async def _collect(
        self,
        url: str,
        topics: tuple[str, ...],
        most: int | None,
        then: Callable[[Event], object],
        options: Body,
    ) -> list[Event]:
        found: list[Event] = []
        before = asyncio.all_tasks()
        stream = follow_async(url, *topics, transport=self.transport, **options)
        async with aclosing(stream) as events:
            async for event in events:
                found.append(event)
                await asyncio.to_thread(then, event)
                if len(found) == most:
                    break
        # A generator of a library that was not read to its end is closed a turn later.
        await wait_until(lambda: asyncio.all_tasks() == before, "a stream left a task")
        return found


WAYS: Final = [Way(way, loop) for way in ("sse", "websocket") for loop in (False, True)]


def over_every_way() -> pytest.MarkDecorator:
    """Run a test for each way: it takes a `way`."""
    return pytest.mark.parametrize("way", WAYS, ids=str)


def is_websocket(request: str) -> bool:
    """Whether a request asks for a WebSocket."""
    return "upgrade: websocket" in request.lower()


def cursor_in(request: str) -> str | None:
    """Where a request resumes, as either transport says it."""
    found = re.search(r"[?&]last_event_id=([^& ]*)", request) or re.search(
        r"^last-event-id: (.*)\r", request, re.IGNORECASE | re.MULTILINE
    )
    return found[1] if found else None


def body(event_type: str, event_id: str | None = None, **fields: object) -> Body:
    """The body of an event, or of a control event whose cursor is `event_id`."""
    named = {} if event_id is None else {_id_name(event_type): event_id}
    return {"type": event_type, **named, **fields}


def _id_name(event_type: str) -> str:
    return "cursor" if event_type in _POSITIONS else "id"


def stream_of(request: str, bodies: Sequence[Body]) -> bytes:
    """The answer to a request that has these bodies, over the transport that it asks for."""
    if is_websocket(request):
        return handshake(request) + b"".join(text_frame(json.dumps(b).encode()) for b in bodies)
    return HEAD + b"retry: 1\n" + b"".join(map(sse_frame, bodies))


def sse_frame(of: Body) -> bytes:
    """One body as a frame."""
    name = "failed" if of["type"] == "error" else of["type"]
    event_id = of.get(_id_name(of["type"]))
    line = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {name}\ndata: {json.dumps(of)}\n{line}\n".encode()


def handshake(request: str) -> bytes:
    """What a server agrees to a WebSocket with (RFC 6455, section 4.2.2)."""
    (key,) = re.findall(r"^sec-websocket-key: (.*)\r", request, re.IGNORECASE | re.MULTILINE)
    accept = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest()).decode()
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
    return "\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode()


def close_frame(code: int, reason: str = "") -> bytes:
    """A server's close frame (RFC 6455, section 5.5.1)."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((0x88, len(payload))) + payload


def says(*bodies: Body, silent: bool = False, cut: int = 0) -> Callable[[str], bytes]:
    """A script that says `bodies`, the last `cut` bytes left out, then ends or is `silent`."""

    def script(request: str) -> bytes:
        said = stream_of(request, bodies)
        return said[: len(said) - cut] + (SILENCE if silent else b"")

    return script


def answers(status: str, *headers: str, content: str = "") -> bytes:
    """A script that answers as HTTP does, whatever was asked for."""
    size = len(content.encode())
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {size}", "Connection: close")
    return "\r\n".join((*lines, "", content)).encode()


def ids(events: Sequence[Event]) -> Iterator[str]:
    """The ids of the stored events."""
    return (e.id for e in events if e.id is not None and e.type not in _POSITIONS)


END: Final = body("end", topic="jobs/j", reason="completed", remaining=0)
