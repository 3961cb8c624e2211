"""A topic's reading, blocking and in an event loop, behind the same calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from streamer.client import Event, Reading, reading, reading_async


class Reads(Protocol):
    """What both can do."""

    @property
    def unread(self) -> int | None: ...
    @property
    def cursor(self) -> str | None: ...
    def count(self) -> int | None: ...
    def mark_as_read(self, up_to: str | None = None) -> None: ...
    def __next__(self) -> Event: ...


class InLoop:
    """`AsyncReading`, each call of which is awaited."""

    def __init__(self, runner: asyncio.Runner, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        token = options.get("token")
        if callable(token):

            async def awaited() -> str:
                return str(token())

            options["token"] = awaited
        self._runner = runner
        self._reading = reading_async(*arguments, **options)

    @property
    def unread(self) -> int | None:
        return self._reading.unread

    @property
    def cursor(self) -> str | None:
        return self._reading.cursor

    def count(self) -> int | None:
        return self._runner.run(self._reading.count())

    def mark_as_read(self, up_to: str | None = None) -> None:
        self._runner.run(self._reading.mark_as_read(up_to))

    def __next__(self) -> Event:
        async def following() -> Event:
            return await anext(self._reading)

        return self._runner.run(following())

    def close(self) -> None:
        self._runner.run(self._reading.aclose())


class Kind(Protocol):
    """Opens one, until it is left; it takes what `reading` does."""

    def __call__(self, *arguments: Any, **options: Any) -> Any: ...  # noqa: ANN401


@contextmanager
def blocking(*arguments: Any, **options: Any) -> Iterator[Reading]:  # noqa: ANN401
    with reading(*arguments, **options) as opened:
        yield opened


@contextmanager
def in_loop(*arguments: Any, **options: Any) -> Iterator[InLoop]:  # noqa: ANN401
    with asyncio.Runner() as runner:
        opened = InLoop(runner, *arguments, **options)
        try:
            yield opened
        finally:
            opened.close()


def both_kinds() -> pytest.MarkDecorator:
    """Run a test blocking and in an event loop: it takes `opened`."""
    return pytest.mark.parametrize("opened", [blocking, in_loop], ids=["blocking", "async"])


def until(reads: Reads, event_type: str) -> Event:
    """The next event of that type."""
    while True:
        event = next(reads)
        if event.type == event_type:
            return event
