"""A connection of an engine of either kind, used from a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

#: The databases whose order of ids we know.
DIALECTS: Final = ("postgresql", "sqlite")


class Run(Protocol):
    """Calls a function with the connection, and returns what it returns."""

    async def __call__(self, step: Callable[[Connection], T], /) -> T:
        """Do it; one after another."""


def check_engine(engine: Engine | AsyncEngine) -> None:
    """Refuse what the relay cannot work with.

    Raises:
        TypeError: it is no engine.
        ValueError: it is one of another database.
    """
    if not isinstance(engine, Engine | AsyncEngine):
        raise TypeError(
            f"{type(engine).__name__} is no engine; give what create_engine or "
            "create_async_engine of SQLAlchemy made"
        )
    if engine.dialect.name not in DIALECTS:
        raise ValueError(
            f"the outbox is in no database of {engine.dialect.name}; "
            f"it may be in: {', '.join(DIALECTS)}"
        )


@asynccontextmanager
async def connection_of(engine: Engine | AsyncEngine) -> AsyncIterator[Run]:
    """Connect; roll back, in the end, what was not committed."""
    if isinstance(engine, AsyncEngine):
        async with engine.connect() as connection:
            yield connection.run_sync
        return
    # One thread, so that whoever leaves early does not use it beside what still runs.
    thread = ThreadPoolExecutor(1, "streamer-relay")
    opened = thread.submit(engine.connect)
    try:
        yield _InThread(await asyncio.wrap_future(opened), thread)
    finally:
        closed = thread.submit(_close, opened)
        thread.shutdown(wait=False)
        await asyncio.wrap_future(closed)


def _close(opened: Future[Connection]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()


class _InThread:
    def __init__(self, connection: Connection, thread: Executor) -> None:
        self._connection: Final = connection
        self._thread: Final = thread

    async def __call__(self, step: Callable[[Connection], T], /) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, step, self._connection)
