"""The I/O around `Follow`: blocking and for asyncio, line for line the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Final

import httpx

from .follow import READ_TIMEOUT, Follow
from .frames import Frames
from .received import Received

_PATH: Final = "/api/v1/stream"
#: Seconds; a heartbeat comes well within the read timeout, so silence is a dead connection.
_TIMEOUT: Final = httpx.Timeout(10.0, read=READ_TIMEOUT)

#: Told why a connection ended, and the seconds until the next one.
OnReconnect = Callable[[str, float], None]


def follow(
    url: str,
    *topics: str,
    start: str | None = None,
    until_end: bool = False,
    last_event_id: str | None = None,
    on_reconnect: OnReconnect | None = None,
) -> Generator[Received]:
    """Yield every event of `topics` in order, over as many connections as it takes.

    Control events are yielded too: `connected` first. It returns after `end`.

    Args:
        url: the server, as in ``http://localhost:8000``.
        topics: one or more.
        start: where a first visit begins: ``earliest``, ``latest`` or an id.
        until_end: end after the first terminal event, whatever the topic.
        last_event_id: resume after this id.
        on_reconnect: told of every lost connection.

    Raises:
        Refused: the server will not serve this.
    """
    reader = Follow(topics, start=start, until_end=until_end, last_event_id=last_event_id)
    with httpx.Client(base_url=url, timeout=_TIMEOUT) as client:
        while True:
            query, headers = reader.request()
            try:
                with client.stream("GET", _PATH, params=query, headers=headers) as answer:
                    if _is_open(reader, answer, b"" if answer.is_success else answer.read()):
                        frames = Frames()
                        for received in answer.iter_raw():
                            for event in frames.feed(received):
                                reader.retry_in(frames.retry_ms)
                                reader.take(event)
                                yield event
                                if reader.done:
                                    return
                reason = _reason(answer)
            except httpx.TransportError as error:
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
    on_reconnect: OnReconnect | None = None,
) -> AsyncGenerator[Received]:
    """Do as `follow`, for asyncio."""
    reader = Follow(topics, start=start, until_end=until_end, last_event_id=last_event_id)
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT) as client:
        while True:
            query, headers = reader.request()
            try:
                async with client.stream("GET", _PATH, params=query, headers=headers) as answer:
                    body = b"" if answer.is_success else await answer.aread()
                    if _is_open(reader, answer, body):
                        frames = Frames()
                        async for received in answer.aiter_raw():
                            for event in frames.feed(received):
                                reader.retry_in(frames.retry_ms)
                                reader.take(event)
                                yield event
                                if reader.done:
                                    return
                reason = _reason(answer)
            except httpx.TransportError as error:
                reason = _lost(error)
            if reader.done:
                return
            seconds = reader.wait()
            if on_reconnect is not None:
                on_reconnect(reason, seconds)
            await asyncio.sleep(seconds)


def _is_open(reader: Follow, answer: httpx.Response, body: bytes) -> bool:
    return reader.answered(answer.status_code, body, answer.headers.get("Retry-After"))


def _reason(answer: httpx.Response) -> str:
    if answer.is_success:
        return "the server closed the stream"
    return f"the server answered {answer.status_code}"


def _lost(error: httpx.TransportError) -> str:
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return "the server cannot be reached"
        case httpx.ReadTimeout():
            return f"nothing was heard for {READ_TIMEOUT:g} s"
        case _:
            return "the connection was lost"
