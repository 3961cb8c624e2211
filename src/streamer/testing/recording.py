"""A log in memory that remembers all that was published."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ..eventlog.base import BatchKey
from ..eventlog.memory.log import MemoryEventLog
from ..events.cursor import Cursor
from ..events.new_event import NewEvent
from ..publishing.publisher import Publisher
from ..publishing.sync_publisher import SyncPublisher
from .clock import FakeClock


class Published(msgspec.Struct, frozen=True):
    """An event as it was published.

    Attributes:
        topics: all that it was published to.
        type: its type.
        fields: its own fields.
        id: the one that the log gave it; None if it is ephemeral.
    """

    topics: tuple[str, ...]
    type: str
    fields: dict[str, Any]
    id: str | None


class RecordingLog(MemoryEventLog):
    """An event log in memory, for `create_app` and publishers, that remembers all of it.

    Attributes:
        clock: by which it tells the time.
        publisher: publishes to it, from an event loop.
        sync_publisher: publishes to it, from any thread.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock: Final = FakeClock() if clock is None else clock
        super().__init__(clock=self.clock.milliseconds)
        self.publisher: Final = Publisher(self)
        self.sync_publisher: Final = SyncPublisher(lambda: self)
        self._published: Final[list[Published]] = []
        self._ids: Final[set[str]] = set()
        self._noting: Final = threading.Lock()

    @property
    def published(self) -> list[Published]:
        """What was published so far, in the order of the log, ephemeral events among it.

        What `sync_publisher` still holds is waited for.
        """
        assert self.sync_publisher.flush(), "what was published did not come to the log"  # noqa: S101 - in a test
        with self._noting:
            return list(self._published)

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """See `EventLog.append_all`."""
        ids = await super().append_all(events, batch)
        with self._noting:
            for event, cursor in zip(events, ids, strict=True):
                self._note(event, None if cursor is None else str(cursor))
        return ids

    def _note(self, event: NewEvent, id_: str | None) -> None:
        if id_ is not None:
            if id_ in self._ids:  # it is another's: this one was not appended
                return
            self._ids.add(id_)
        fields = msgspec.json.decode(event.fields)
        self._published.append(Published(event.topics, event.type, fields, id_))
