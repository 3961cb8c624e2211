"""A stream of events, over as many connections as it takes: blocking and for asyncio alike."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
)
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, Final, Protocol, Self

from .event import Event
from .reader import Reader
from .received import Received
from .refusals import Interruption, Lost

#: A token, or what is called for one.
Token = str | Callable[[], str]
AsyncToken = str | Callable[[], Awaitable[str]]
#: Called for each connection that is over before the stream is.
OnReconnect = Callable[[Interruption], None]


class Line(Protocol):
    """The connections of one reader over one transport, one after the other."""

    def frames(self, reader: Reader, token: str | None, /) -> Generator[Received]:
        """Yield the frames of one connection; raises `Lost` or `Refused`."""

    def renew(self, path: str, token: str, /) -> None:
        """Have the open connection go on with `token`."""

    def close(self) -> None:
        """Release what is kept between connections."""


class AsyncLine(Protocol):
    """`Line`, for asyncio."""

    def frames(self, reader: Reader, token: str | None, /) -> AsyncGenerator[Received]:
        """Yield the frames of one connection; raises `Lost` or `Refused`."""

    async def renew(self, path: str, token: str, /) -> None:
        """Have the open connection go on with `token`."""

    async def close(self) -> None:
        """Release what is kept between connections."""


class EventStream(Iterator[Event]):
    """The events of some topics, one after the other; `follow` makes one.

    It is an iterator and a context manager. It connects when the first event is asked
    for. Its connection is closed when the iteration ends, for whatever reason, when it
    is closed, and when nobody has it any more.
    """

    def __init__(
        self,
        reader: Reader,
        connect: Callable[[Callable[[Any], None]], Line],
        token: Token | None,
        on_reconnect: OnReconnect | None,
    ) -> None:
        self._reader: Final = reader
        self._stop: Final = _Stop()
        # It knows nothing of us, so that it is closed with us when nobody has us any more.
        self._events: Final = _events(reader, connect, token, on_reconnect, self._stop)

    @property
    def last_event_id(self) -> str | None:
        """Where the reader is: pass it as `after` to go on from here another time."""
        return self._reader.last_event_id

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def close(self) -> None:
        """End it, and its connection; from another thread, the iteration ends there."""
        try:
            self._events.close()
        except ValueError:  # another thread waits for an event
            self._stop.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncEventStream(AsyncIterator[Event]):
    """`EventStream`, for asyncio: an async iterator and async context manager.

    Leave it with ``async with``, or by cancelling the task that iterates: either way its
    connection is closed.
    """

    def __init__(
        self,
        reader: Reader,
        connect: Callable[[], AsyncLine],
        token: AsyncToken | None,
        on_reconnect: OnReconnect | None,
    ) -> None:
        self._reader: Final = reader
        self._events: Final = _events_async(reader, connect, token, on_reconnect)

    @property
    def last_event_id(self) -> str | None:
        """Where the reader is: pass it as `after` to go on from here another time."""
        return self._reader.last_event_id

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def aclose(self) -> None:
        """End it, and its connection."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _events(
    reader: Reader,
    connect: Callable[[Callable[[Any], None]], Line],
    token: Token | None,
    on_reconnect: OnReconnect | None,
    stop: _Stop,
) -> Generator[Event]:
    with closing(connect(stop.opened)) as line:
        while not stop.is_set():
            lost: Lost | None = None
            shown = token() if callable(token) else token
            try:
                with closing(line.frames(reader, shown)) as frames:
                    for received in frames:
                        event = reader.take(received)
                        if callable(token) and reader.refresh is not None:
                            path, reader.refresh = reader.refresh, None
                            line.renew(path, token())
                        if event is not None:
                            yield event
                        if reader.done or reader.leaving:
                            break
            except Lost as error:
                lost = error
            if reader.done or stop.is_set():
                return
            interruption = reader.interrupted(lost)
            if on_reconnect is not None:
                on_reconnect(interruption)
            stop.wait(interruption.seconds)


async def _events_async(
    reader: Reader,
    connect: Callable[[], AsyncLine],
    token: AsyncToken | None,
    on_reconnect: OnReconnect | None,
) -> AsyncGenerator[Event]:
    line = connect()
    try:
        while True:
            lost: Lost | None = None
            shown = await token() if callable(token) else token
            try:
                async with aclosing(line.frames(reader, shown)) as frames:
                    async for received in frames:
                        event = reader.take(received)
                        if callable(token) and reader.refresh is not None:
                            path, reader.refresh = reader.refresh, None
                            await line.renew(path, await token())
                        if event is not None:
                            yield event
                        if reader.done or reader.leaving:
                            break
            except Lost as error:
                lost = error
            if reader.done:
                return
            interruption = reader.interrupted(lost)
            if on_reconnect is not None:
                on_reconnect(interruption)
            await asyncio.sleep(interruption.seconds)
    finally:
        await line.close()


class _Stop:
    """Ends a stream from another thread, wherever it waits."""

    def __init__(self) -> None:
        self._set: Final = threading.Event()
        self._socket: socket.socket | None = None

    def opened(self, connected: socket.socket | None) -> None:
        """The socket of the newest connection."""
        self._socket = connected
        if self._set.is_set():
            self._shut_down()

    def set(self) -> None:
        self._set.set()
        self._shut_down()

    def is_set(self) -> bool:
        return self._set.is_set()

    def wait(self, seconds: float) -> None:
        self._set.wait(seconds)

    def _shut_down(self) -> None:
        """Wake whoever reads from it. Of TLS, what is beneath: the reader has the rest."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
