"""The event log in the memory of one process, for tests and for embedding."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from ...config.retention import RetentionPolicy
from ...config.rules import Rules
from ...config.unread import UnreadPolicy
from ...events.cursor import Cursor
from ...events.event import Event
from ...events.new_event import NewEvent
from ...events.page import Back, Page
from ...events.snapshot import Snapshot
from ...events.topic import CHATS, job_of
from ..base import READ_BYTES, BatchKey, Listener, Place
from ..lifetimes import BATCH_TTL, IDEMPOTENCY_TTL
from ..merge import TopicPage, merge, merge_back, share_of
from .access import MemoryAccess
from .checkpoints import MemoryCheckpoints
from .glances import MemoryGlances
from .leases import MemoryLeases
from .notifications import MemoryNotifications
from .presence import MemoryPresence
from .push import MemoryPushes
from .reader_cursors import MemoryReaderCursors
from .reports import MemoryReports
from .rules import MemoryRules
from .topic import MemoryTopic
from .typing import MemoryTypists
from .upkeep import MemoryUpkeep
from .workers import MemoryWorkers

#: Milliseconds between two looks at what may be forgotten.
_SWEEP_INTERVAL: Final = 60_000
#: Milliseconds that a process's report of its connections is believed.
_CONNECTIONS_TTL: Final = 15_000


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class MemoryEventLog:
    """An `EventLog` that keeps its promises as long as its process lives.

    It may be used from several event loops at once, as a test with a worker's
    thread does. An answer comes one turn of the event loop after its moment, as
    an answer over a network comes late: others act in between.

    Args:
        clock: milliseconds since 1970; may be set back.
        retention: how much of each topic is kept.
        unread: which events count as unread on each topic.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int] = wall_clock,
        retention: RetentionPolicy | None = None,
        unread: UnreadPolicy | None = None,
    ) -> None:
        self._clock: Final = clock
        self.rules: Final = MemoryRules(Rules(retention, unread))
        self._lock: Final = threading.RLock()
        self._head = self._birth = Cursor(clock(), 0)
        self._topics: Final[dict[str, MemoryTopic]] = {}
        self._by_key: Final[dict[tuple[str, str | None], tuple[int, Cursor | None]]] = {}
        self._by_batch: Final[dict[str, tuple[int, int, list[Cursor | None]]]] = {}
        self._reports: Final[dict[str, tuple[int, dict[str, int]]]] = {}
        self._notifications: Final[list[MemoryNotifications]] = []
        self._swept = clock()
        self.leases: Final = MemoryLeases(clock)
        self.checkpoints: Final = MemoryCheckpoints(
            clock, self.rules, lambda end: end in self._known([end])
        )
        self.workers: Final = MemoryWorkers(clock)
        self.glances: Final = MemoryGlances(self._snapshots)
        self.reports: Final = MemoryReports(clock)
        self.pushes: Final = MemoryPushes(clock, self._lock)
        self.access: Final = MemoryAccess(clock)
        self.typists: Final = MemoryTypists(clock)
        self.presence: Final = MemoryPresence(clock, self._lock, self._append_one, self._remove)
        self.reader_cursors: Final = MemoryReaderCursors(
            clock,
            self._lock,
            lambda name: (self._head, self._topic(name, clock())),
            self.rules.current.unread,
        )
        self.upkeep: Final = MemoryUpkeep(
            self._lock,
            lambda name: self._topic(name, clock()),
            self._next_id,
            self._tell_deleted,
            self._forget_with,
            cursors=self.reader_cursors,
            rules=self.rules,
        )

    async def append(self, event: NewEvent) -> Cursor | None:
        """See `EventLog.append`."""
        return (await self.append_all((event,)))[0]

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """See `EventLog.append_all`."""
        ids = self._append_all(events, batch)
        await asyncio.sleep(0)
        return ids

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        """See `EventLog.read`."""
        page = self._read(topics, after, limit)
        await asyncio.sleep(0)
        return page

    async def read_back(self, topics: Sequence[str], before: Cursor | None, limit: int) -> Back:
        """See `EventLog.read_back`."""
        with self._lock:
            now, size = self._clock(), share_of(READ_BYTES, len(set(topics)))
            pages = []
            for name in dict.fromkeys(topics):
                topic = self._topic(name, now)
                found = topic.before(before) if topic is not None else iter(())
                events, _ = _first(found, limit, size)
                pages.append(Back(events, next(found, None) is not None))
        await asyncio.sleep(0)
        return merge_back(pages, limit)

    async def head(self) -> Cursor:
        """See `EventLog.head`."""
        head = self._head
        await asyncio.sleep(0)
        return head

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        """See `EventLog.snapshots`."""
        snapshots = self._snapshots(topics)
        await asyncio.sleep(0)
        return snapshots

    async def known_keys(self, topic: str, keys: Sequence[str]) -> set[str]:
        """See `EventLog.known_keys`."""
        with self._lock:
            known = {key for _, key in self._known([(topic, key) for key in keys])}
        await asyncio.sleep(0)
        return known

    async def topics(self, prefix: str, limit: int, before: Place | None = None) -> dict[str, int]:
        """See `EventLog.topics`."""
        with self._lock:
            places = [
                (topic.last.ms, name)
                for name, topic in self._topics.items()
                if topic.last is not None and name.startswith(prefix)
            ]
        listed = sorted((p for p in places if before is None or p < before), reverse=True)
        return {name: at for at, name in listed[:limit]}

    def listen(self, listener: Listener) -> MemoryNotifications:
        """See `EventLog.listen`; call it on the running event loop."""
        notifications = MemoryNotifications(listener)
        with self._lock:
            self._notifications.append(notifications)
        return notifications

    async def report_connections(self, process: str, counts: Mapping[str, int]) -> None:
        """See `EventLog.report_connections`."""
        self._reports[process] = (self._clock() + _CONNECTIONS_TTL, dict(counts))

    async def connections(self, *, but: str) -> dict[str, int]:
        """See `EventLog.connections`."""
        totals: dict[str, int] = {}
        for process, (until, counts) in list(self._reports.items()):
            if process == but or self._clock() >= until:
                continue
            for topic, count in counts.items():
                totals[topic] = totals.get(topic, 0) + count
        return totals

    async def close(self) -> None:
        """See `EventLog.close`."""
        for notifications in self._notifications:
            await notifications.close()

    def _known(self, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these first topics and idempotency keys of which there was an event."""
        now = self._clock()
        return {key for key in keys if now < self._by_key.get(key, (0, None))[0]}

    def _append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None
    ) -> list[Cursor | None]:
        with self._lock:
            now = self._clock()
            if batch is not None:
                until, sequence, ids = self._by_batch.get(batch.publisher, (0, 0, []))
                if sequence == batch.sequence and now < until:
                    return list(ids)
            # One reading of the clock for a batch, as one script of Redis has.
            ms = max(now, self._head.ms)
            ids = [self._append(event, ms, now) for event in events]
            if batch is not None:
                self._by_batch[batch.publisher] = (now + BATCH_TTL, batch.sequence, list(ids))
            self._sweep(now)
            return ids

    def _read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        with self._lock:
            now = self._clock()
            names = tuple(dict.fromkeys(topics))
            share = share_of(limit, len(names))
            pages = []
            for name in names:
                topic = self._topic(name, now)
                if topic is None:
                    pages.append(TopicPage(name))
                    continue
                events, full = _first(topic.after(after), share, share_of(READ_BYTES, len(names)))
                pages.append(TopicPage(name, events, full, topic.trimmed, topic.reason))
            return merge(pages, after, self._head, self._birth)

    def _snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        with self._lock:
            now = self._clock()
            found = {name: self._topic(name, now) for name in topics}
            return {
                name: (
                    Snapshot(cursor=self._head) if topic is None else topic.snapshot(self._head)
                ).with_present(self.presence.present(name) if name.startswith(CHATS) else None)
                for name, topic in found.items()
            }

    def _remove(self, name: str, id_: Cursor) -> None:
        if (topic := self._topics.get(name)) is not None:
            topic.remove(id_)

    def _append_one(self, event: NewEvent) -> Cursor | None:
        return self._append_all((event,), None)[0]

    def _append(self, new: NewEvent, ms: int, now: int) -> Cursor | None:
        for key in (new.idempotency_key, *new.unless):
            until, first = self._by_key.get((new.topics[0], key), (0, None))
            if now < until:
                return first
        id_ = None
        if not new.ephemeral:
            seq = self._head.seq + 1 if self._head.ms == ms else 0
            id_ = Cursor(ms, seq)
        event = Event(id_, new.type, new.topics, new.fields, terminal=new.terminal)
        if id_ is not None:
            self._head = event.end
            for name in new.topics:
                self._append_to(name, new, event, now)
            if (job_id := new.completed_job) is not None:
                self.checkpoints.remove(job_id)
        if new.idempotency_key is not None:
            self._by_key[new.topics[0], new.idempotency_key] = (now + IDEMPOTENCY_TTL, id_)
        for notifications in self._notifications:
            notifications.notify(event)
        return id_

    def _append_to(self, name: str, new: NewEvent, event: Event, now: int) -> None:
        topic = self._topic(name, now)
        if topic is None:
            topic = self._topics[name] = MemoryTopic(name)
        rule = self.rules.current.unread.of(name)
        counts = rule is not None and rule.counts(event.type)
        topic.append(
            event,
            self.rules.current.retention.of(name),
            counts=counts,
            part_of=new.part_of,
            whole_of=new.whole_of,
        )
        if counts:
            self.pushes.note(name)

    def _next_id(self) -> Cursor:
        ms = max(self._clock(), self._head.ms)
        self._head = Cursor(ms, self._head.seq + 1 if self._head.ms == ms else 0)
        return self._head

    def _tell_deleted(self, topic: str) -> None:
        for notifications in self._notifications:
            notifications.notify_deleted(topic)

    def _forget_with(self, topic: str) -> None:
        self.presence.forget(topic)
        if (job_id := job_of(topic)) is not None:
            self.checkpoints.remove(job_id)

    def _topic(self, name: str, now: int) -> MemoryTopic | None:
        topic = self._topics.get(name)
        if topic is not None and topic.expire(now):
            del self._topics[name]
            return None
        return topic

    def _sweep(self, now: int) -> None:
        if now - self._swept < _SWEEP_INTERVAL:
            return
        self._swept = now
        for name in list(self._topics):
            self._topic(name, now)
        for key in [key for key, (until, _) in self._by_key.items() if now >= until]:
            del self._by_key[key]
        for publisher in [name for name, kept in self._by_batch.items() if now >= kept[0]]:
            del self._by_batch[publisher]


def _first(events: Iterator[Event], most: int, max_bytes: int) -> tuple[list[Event], bool]:
    """The first of `events`, as read.lua takes them; whether there may be more."""
    taken: list[Event] = []
    size = 0
    for event in events:
        taken.append(event)
        size += len(event.entry())
        if len(taken) >= most or size >= max_bytes:
            return taken, True
    return taken, False
