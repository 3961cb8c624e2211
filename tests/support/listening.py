"""Who listens to an event log in tests: a recorder, and a log that loses what it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from streamer.errors import LogUnavailable
from streamer.eventlog.access import Access
from streamer.eventlog.base import BatchKey, EventLog, Listener, Notifications, Place
from streamer.eventlog.checkpoints import Checkpoints
from streamer.eventlog.glances import Glances
from streamer.eventlog.leases import Leases
from streamer.eventlog.presence import Presence
from streamer.eventlog.push import Pushes
from streamer.eventlog.reader_cursors import ReaderCursors
from streamer.eventlog.reports import Reports
from streamer.eventlog.rules import LogRules
from streamer.eventlog.typing import Typists
from streamer.eventlog.upkeep import Upkeep
from streamer.eventlog.workers import Workers
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.new_event import NewEvent
from streamer.events.page import Back, Page
from streamer.events.snapshot import Snapshot

from .waiting import wait_until


class RecordingListener:
    """Remember what a listener is told, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        #: How many events each call brought.
        self.batches: list[int] = []
        #: ``interrupted`` and ``resumed``, as they came.
        self.changes: list[str] = []
        self.reasons: list[str] = []
        #: Topics that were deleted, each with how many events came before.
        self.deletions: list[tuple[str, int]] = []

    def notified(self, events: Sequence[Event]) -> None:
        self.batches.append(len(events))
        self.events.extend(events)

    def deleted(self, topics: Sequence[str]) -> None:
        self.deletions += [(topic, len(self.events)) for topic in topics]

    def interrupted(self, reason: str) -> None:
        self.changes.append("interrupted")
        self.reasons.append(reason)

    def resumed(self) -> None:
        self.changes.append("resumed")

    @property
    def ids(self) -> list[Cursor | None]:
        return [event.id for event in self.events]

    async def heard(self, id_: Cursor | None) -> None:
        """Wait until the event `id_` was notified."""
        await wait_until(lambda: id_ in self.ids, f"the notification of {id_} did not come")

    async def told(self, *changes: str) -> None:
        """Wait until these changes, and no others, were told."""
        await wait_until(lambda: self.changes == list(changes), f"{changes} were not told")

    async def told_again(self) -> None:
        """Wait until it was interrupted, once or more, and has been told of the resumption."""
        await wait_until(
            lambda: self.changes[:1] == ["interrupted"] and self.changes[-1] == "resumed",
            "no resumption was told after an interruption",
        )


class _Gate:
    """A listener between the log and the real one."""

    def __init__(self, listener: Listener, log: InterceptingEventLog) -> None:
        self._listener = listener
        self._log = log
        self._held: list[Event | str] = []

    def notified(self, events: Sequence[Event]) -> None:
        if self._log.dropping:
            return
        if self._log.holding:
            self._held.extend(events)
            return
        self._listener.notified(events)

    def deleted(self, topics: Sequence[str]) -> None:
        if self._log.dropping:
            return
        if self._log.holding:
            self._held.extend(topics)
            return
        self._listener.deleted(topics)

    def interrupted(self, reason: str) -> None:
        self._held.clear()
        self._listener.interrupted(reason)

    def resumed(self) -> None:
        self._listener.resumed()

    def release(self) -> None:
        held, self._held = self._held, []
        for is_event, items in groupby(held, lambda item: isinstance(item, Event)):
            if is_event:
                self._listener.notified([item for item in items if isinstance(item, Event)])
            else:
                self._listener.deleted([item for item in items if isinstance(item, str)])


class InterceptingEventLog:
    """An event log whose notifications and answers a test delays, drops or fails.

    Attributes:
        holding: notifications wait for `release`, as on a slow network.
        dropping: notifications are lost without a word.
        failing: every call raises `LogUnavailable` before it does anything.
        failing_after: every append raises `LogUnavailable` after it was stored.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._gates: list[_Gate] = []
        self.holding = False
        self.dropping = False
        self.failing = False
        self.failing_after = False

    def release(self) -> None:
        """Hand on what was held, and hold no more."""
        self.holding = False
        for gate in self._gates:
            gate.release()

    def interrupt(self, reason: str = "cut by the test") -> None:
        """Tell the listeners that notifications are lost; they are, until `resume`."""
        self.dropping = True
        for gate in self._gates:
            gate.interrupted(reason)

    def resume(self) -> None:
        """Tell the listeners that they hear again."""
        self.dropping = False
        for gate in self._gates:
            gate.resumed()

    async def append(self, event: NewEvent) -> Cursor | None:
        return (await self.append_all((event,)))[0]

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        self._check()
        ids = await self._log.append_all(events, batch)
        if self.failing_after:
            raise LogUnavailable("the answer was lost by the test")
        return ids

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        self._check()
        return await self._log.read(topics, after, limit)

    async def read_back(self, topics: Sequence[str], before: Cursor | None, limit: int) -> Back:
        self._check()
        return await self._log.read_back(topics, before, limit)

    async def head(self) -> Cursor:
        self._check()
        return await self._log.head()

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        self._check()
        return await self._log.snapshots(topics)

    async def known_keys(self, topic: str, keys: Sequence[str]) -> set[str]:
        self._check()
        return await self._log.known_keys(topic, keys)

    async def topics(self, prefix: str, limit: int, before: Place | None = None) -> dict[str, int]:
        self._check()
        return await self._log.topics(prefix, limit, before)

    @property
    def leases(self) -> Leases:
        return self._log.leases

    @property
    def checkpoints(self) -> Checkpoints:
        return self._log.checkpoints

    @property
    def access(self) -> Access:
        return self._log.access

    @property
    def presence(self) -> Presence:
        return self._log.presence

    @property
    def typists(self) -> Typists:
        return self._log.typists

    @property
    def reader_cursors(self) -> ReaderCursors:
        return self._log.reader_cursors

    @property
    def rules(self) -> LogRules:
        return self._log.rules

    @property
    def pushes(self) -> Pushes:
        return self._log.pushes

    @property
    def glances(self) -> Glances:
        return self._log.glances

    @property
    def workers(self) -> Workers:
        return self._log.workers

    @property
    def reports(self) -> Reports:
        return self._log.reports

    @property
    def upkeep(self) -> Upkeep:
        return self._log.upkeep

    def listen(self, listener: Listener) -> Notifications:
        gate = _Gate(listener, self)
        self._gates.append(gate)
        return self._log.listen(gate)

    async def report_connections(self, process: str, counts: Mapping[str, int]) -> None:
        self._check()
        await self._log.report_connections(process, counts)

    async def connections(self, *, but: str) -> dict[str, int]:
        self._check()
        return await self._log.connections(but=but)

    async def close(self) -> None:
        await self._log.close()

    def _check(self) -> None:
        if self.failing:
            raise LogUnavailable("cut by the test")
