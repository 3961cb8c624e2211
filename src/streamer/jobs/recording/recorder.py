"""Puts frames into the log: what comes in 40 ms at once, in order, each once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Final

from ...backoff import Backoff
from ...errors import LogUnavailable
from ...eventlog.base import BatchKey
from ...events.cursor import ORIGIN, Cursor
from ...events.new_event import NewEvent
from ...publishing.said import CHUNK_SECONDS, CHUNKS_BEFORE_LONGER
from ...publishing.sync_publisher import SyncPublisher
from .frames import Frame
from .record_events import RecordEvents

#: Characters of frames that are appended without waiting for more.
_FULL: Final = 32 * 1024
#: Characters of frames that wait for the log, at most: beyond that the AI server waits.
_MOST_WAITING: Final = 2 * 1024 * 1024
#: Events of one append: Redis answers nobody else while it runs.
_BATCH: Final = 16
#: Seconds for one append, and in which the log must be back.
_APPEND_SECONDS: Final = 5.0
_AWAY_SECONDS: Final = 60.0
_BACKOFF: Final = Backoff(0.05, 2.0)


class Superseded(Exception):
    """The recording was ended by somebody else, or another attempt has begun."""


class Recorder:
    """One attempt's way into the log; of the event loop that it is made in.

    While the log is away what came is kept, and nothing is lost.

    Args:
        publisher: in whose thread the log is.
    """

    def __init__(self, publisher: SyncPublisher, events: RecordEvents) -> None:
        self.upstream: str | None = None
        self._publisher: Final = publisher
        self._events: Final = events
        self._name: Final = uuid.uuid4().hex
        self._sequence = 0
        self._last: Cursor = ORIGIN
        self._appended = 0
        self._waiting: list[Frame] = []
        self._size = 0
        self._closing = False
        self._news: Final = asyncio.Event()
        self._full: Final = asyncio.Event()
        self._room: Final = asyncio.Event()
        self._room.set()

    async def add(self, frame: Frame) -> None:
        """Record `frame`, soon; wait only if very much waits already."""
        await self._room.wait()
        self._waiting.append(frame)
        self._size += len(frame.data)
        self._news.set()
        if self._size >= _FULL:
            self._full.set()
        if self._size >= _MOST_WAITING:
            self._room.clear()

    def close(self) -> None:
        """Let `run` return once all that was added is in the log."""
        self._closing = True
        self._news.set()
        self._full.set()

    async def run(self) -> None:
        """Append what is added, until closed.

        Raises:
            Superseded: nothing more of this attempt is recorded.
            LogUnavailable: the log was away for too long.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            self._full.clear()
            frames, self._waiting, self._size = self._waiting, [], 0
            self._room.set()
            if frames:
                await self.append(self._events.frames(frames, self.upstream))
            if self._closing and not self._waiting:
                return
            longer = self._appended // CHUNKS_BEFORE_LONGER
            try:
                await asyncio.wait_for(self._full.wait(), CHUNK_SECONDS * 2**longer)
            except TimeoutError:
                continue

    async def append(self, events: Sequence[NewEvent]) -> None:
        """Append `events`, in order, each once; raises as `run`."""
        for start in range(0, len(events), _BATCH):
            await self._append_batch(events[start : start + _BATCH])

    async def _append_batch(self, events: Sequence[NewEvent]) -> None:
        self._sequence += 1
        ids = await self._try_to_append(events, BatchKey(self._name, self._sequence))
        self._appended += len(events)
        # An event that was not taken has the id of the one that came before it.
        for id_ in ids:
            if id_ is None or id_ <= self._last:
                raise Superseded
            self._last = id_

    async def _try_to_append(
        self, events: Sequence[NewEvent], key: BatchKey
    ) -> list[Cursor | None]:
        deadline, failures = time.monotonic() + _AWAY_SECONDS, 0
        while True:
            try:
                return await asyncio.to_thread(
                    self._publisher.ask, lambda log: log.append_all(events, key), _APPEND_SECONDS
                )
            except LogUnavailable:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(_BACKOFF(failures))
                failures += 1
