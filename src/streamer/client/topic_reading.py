"""Reading a topic: its events, how much of it is unread, and marking it as read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Final, Self

import httpx

from .bearer import presented
from .cursor_requests import OPTIONS, CursorRequests, Moved
from .event import Event
from .open_client import open_client
from .open_stream import Transport, follow, follow_async
from .refusals import Unreachable
from .stream import AsyncEventStream, AsyncToken, EventStream, OnReconnect, Token
from .unread import Counted, Unread

_UNAUTHORIZED: Final = 401


class Reading(Iterator[Event]):
    """The events of a topic, and how much of it its reader has not read; `reading` makes one.

    It is an iterator and a context manager, as an `EventStream` is. `count` and
    `mark_as_read` may be called from any thread, and without iterating.
    """

    def __init__(
        self, url: str, topic: str, reader: str | None, token: Token | None, events: EventStream
    ) -> None:
        self._asking: Final = CursorRequests(url, topic, reader)
        self._client: Final = open_client(httpx.Client, url, **OPTIONS)
        self._token: Final = token
        self._events: Final = events
        self._unread: Final = Unread()
        # An answer of before a mark must not be taken for one of after it.
        self._turn: Final = threading.Lock()

    @property
    def unread(self) -> int | None:
        """Events that are unread, as of the last event that was given.

        None before the log was asked, while it cannot be, and where no event counts.
        """
        return self._unread.number

    @property
    def cursor(self) -> str | None:
        """The last event that was read, on any device; None if the reader never said."""
        return self._unread.cursor

    @property
    def last_event_id(self) -> str | None:
        """Where the iteration is: pass it as `after` to go on from here another time."""
        return self._events.last_event_id

    def count(self) -> int | None:
        """Ask the log how many are unread; None where no event counts.

        Raises:
            Refused: the topic may not be read, or nobody has said who reads.
            Unreachable: nobody answers.
        """
        with self._turn:
            self._unread.counted(self._asking.answer(self._ask("GET", None), Counted))
            return self._unread.number

    def mark_as_read(self, up_to: str | None = None) -> None:
        """Mark as read up to an event, on all devices of the reader.

        By default up to the last event that was given; or, if none was, all that there are.
        It never moves back, so that it may be repeated.

        Raises:
            Refused: the server says no.
            Unreachable: nobody answers: it may be marked or not, and can be repeated.
        """
        to = up_to or self._events.last_event_id
        if to is None:
            self.count()
            to = self._unread.counted_to or ""
        with self._turn:
            self._asking.answer(self._ask("PUT", to), Moved)
            self._unread.marked(to)
        if self._unread.is_stale:
            self._look()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = next(self._events)
        with self._turn:
            self._unread.take(event)
        if self._unread.is_stale:
            self._look()
        return event

    def _look(self) -> None:
        try:
            self.count()
        except Unreachable:
            # It is not known, which is what it says; the next event has it asked again.
            return

    def _ask(self, method: str, to: str | None) -> httpx.Response:
        answer = self._send(method, to)
        if answer.status_code == _UNAUTHORIZED and callable(self._token):
            answer = self._send(method, to)
        return answer

    def _send(self, method: str, to: str | None) -> httpx.Response:
        request = self._asking.request(method, to)
        token = self._token() if callable(self._token) else self._token
        try:
            return self._client.request(**request, **presented(token))
        except httpx.RequestError as error:
            raise self._asking.lost(error) from error

    def close(self) -> None:
        """End it, and its connections; from another thread, the iteration ends there."""
        self._events.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncReading(AsyncIterator[Event]):
    """`Reading`, for asyncio: an async iterator and async context manager."""

    def __init__(
        self,
        url: str,
        topic: str,
        reader: str | None,
        token: AsyncToken | None,
        events: AsyncEventStream,
    ) -> None:
        self._asking: Final = CursorRequests(url, topic, reader)
        self._client: Final = open_client(httpx.AsyncClient, url, **OPTIONS)
        self._token: Final = token
        self._events: Final = events
        self._unread: Final = Unread()
        self._turn: Final = asyncio.Lock()

    @property
    def unread(self) -> int | None:
        """Events that are unread, as `Reading.unread`."""
        return self._unread.number

    @property
    def cursor(self) -> str | None:
        """The last event that was read, on any device; None if the reader never said."""
        return self._unread.cursor

    @property
    def last_event_id(self) -> str | None:
        """Where the iteration is: pass it as `after` to go on from here another time."""
        return self._events.last_event_id

    async def count(self) -> int | None:
        """Ask the log how many are unread; raises as `Reading.count`."""
        async with self._turn:
            self._unread.counted(self._asking.answer(await self._ask("GET", None), Counted))
            return self._unread.number

    async def mark_as_read(self, up_to: str | None = None) -> None:
        """Mark as read up to an event, as `Reading.mark_as_read`."""
        to = up_to or self._events.last_event_id
        if to is None:
            await self.count()
            to = self._unread.counted_to or ""
        async with self._turn:
            self._asking.answer(await self._ask("PUT", to), Moved)
            self._unread.marked(to)
        if self._unread.is_stale:
            await self._look()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await anext(self._events)
        async with self._turn:
            self._unread.take(event)
        if self._unread.is_stale:
            await self._look()
        return event

    async def _look(self) -> None:
        try:
            await self.count()
        except Unreachable:
            return  # as above

    async def _ask(self, method: str, to: str | None) -> httpx.Response:
        answer = await self._send(method, to)
        if answer.status_code == _UNAUTHORIZED and callable(self._token):
            answer = await self._send(method, to)
        return answer

    async def _send(self, method: str, to: str | None) -> httpx.Response:
        request = self._asking.request(method, to)
        token = await self._token() if callable(self._token) else self._token
        try:
            return await self._client.request(**request, **presented(token))
        except httpx.RequestError as error:
            raise self._asking.lost(error) from error

    async def aclose(self) -> None:
        """End it, and its connections."""
        await self._events.aclose()
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def reading(
    url: str,
    topic: str,
    *,
    reader: str | None = None,
    token: Token | None = None,
    after: str | None = None,
    start: str = "latest",
    transport: Transport = "sse",
    max_attempts: int | None = None,
    on_reconnect: OnReconnect | None = None,
) -> Reading:
    """Read `topic`: its events as `follow` has them, and how much of it is unread.

    Args:
        url: the server, as for `follow`.
        topic: such as ``chats/42``, or ``users/7``.
        reader: who reads, where nobody is asked who they are; else it is the token's ``sub``.
        token: as for `follow`; a function is asked before each request too, and once more
            if it is refused.
        after: as for `follow`.
        start: likewise.
        transport: likewise.
        max_attempts: likewise; a count and a mark are tried once.
        on_reconnect: likewise.

    Raises:
        ValueError: an argument is malformed.
    """
    options: dict[str, Any] = {"after": after, "start": start, "transport": transport}
    events = follow(
        url, topic, **options, token=token, max_attempts=max_attempts, on_reconnect=on_reconnect
    )
    return Reading(url, topic, reader, token, events)


def reading_async(
    url: str,
    topic: str,
    *,
    reader: str | None = None,
    token: AsyncToken | None = None,
    after: str | None = None,
    start: str = "latest",
    transport: Transport = "sse",
    max_attempts: int | None = None,
    on_reconnect: OnReconnect | None = None,
) -> AsyncReading:
    """Do as `reading`, for asyncio; `token` may be a coroutine function."""
    options: dict[str, Any] = {"after": after, "start": start, "transport": transport}
    events = follow_async(
        url, topic, **options, token=token, max_attempts=max_attempts, on_reconnect=on_reconnect
    )
    return AsyncReading(url, topic, reader, token, events)
