"""The event log in Redis or Valkey, 7.0 or newer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import msgspec

from ...config.redis_url import parse_redis_url
from ...config.retention import RetentionPolicy
from ...config.rules import Rules
from ...config.unread import UnreadPolicy
from ...errors import LogUnavailable
from ...events.cursor import ORIGIN, Cursor
from ...events.event import Event
from ...events.new_event import NewEvent
from ...events.page import Back, Page
from ...events.snapshot import Snapshot
from ...events.topic import CHATS
from ..base import READ_BYTES, BatchKey, Listener, Place
from ..merge import TopicPage, merge, merge_back, share_of
from ..turns import Turns
from .access import RedisAccess
from .append import append_arguments
from .checkpoints import RedisCheckpoints
from .glances import RedisGlances
from .job_records import job_states
from .keys import Keys
from .leases import RedisLeases
from .link.commands import Commands
from .link.search import open_route
from .notifications import RECONNECTING, Notifier
from .presence import RedisPresence, present_in
from .push import RedisPushes
from .reader_cursors import RedisReaderCursors
from .reports import RedisReports
from .rules import MAX_RULES, RedisRules
from .script import Script
from .seen import Seen
from .stored import cursor_of, ranges_of, what_we_stored
from .typing import RedisTypists
from .upkeep import RedisUpkeep
from .workers import RedisWorkers

#: Pages and snapshots that are read at the same time: a publish waits on the one
#: connection behind these at most, and readers take turns.
_READS: Final = 8
#: Share of the timeout of a command that a read waits for its turn.
_TURN_SHARE: Final = 0.5
#: Topics looked at in one step through the index.
_INDEX_STEP: Final = 1000
#: Milliseconds that a process's report of its connections is believed.
CONNECTIONS_TTL: Final = 15_000


_APPEND: Final = Script("rights.lua", "position.lua", "jobs.lua", "append.lua")
_READ: Final = Script("rights.lua", "position.lua", "read.lua")
_READ_BACK: Final = Script("rights.lua", "read_back.lua")
_SNAPSHOTS: Final = Script("rights.lua", "position.lua", "snapshots.lua")
_LEASES: Final = Script("rights.lua", "leases.lua")


class RedisEventLog:
    """An `EventLog` over any Redis or Valkey >= 7.0; see `base.EventLog`.

    Args:
        url: one of the forms of `redis_url.ALLOWED`.
        prefix: of every key; two logs with different prefixes share one server.
        retention: how much of each topic is kept, until a server has said it (`LogRules`).
        unread: which events count as unread on each topic, likewise.
        wait_replicas: replicas that must have an event before it is acknowledged.
        timeout: seconds that connecting, or one command, may take.
        probe_interval: seconds between two proofs that notifications arrive.
        backoff: seconds to wait before the n-th attempt (from 0) to reconnect.

    Raises:
        InvalidRedisURL: `url` is malformed.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "streamer",
        retention: RetentionPolicy | None = None,
        unread: UnreadPolicy | None = None,
        wait_replicas: int = 0,
        timeout: float = 5.0,
        probe_interval: float = 2.0,
        backoff: Callable[[int], float] = RECONNECTING,
    ) -> None:
        self._url: Final = parse_redis_url(url)
        self._wait_replicas: Final = wait_replicas
        self._timeout: Final = timeout
        self._probe_interval: Final = probe_interval
        self._backoff: Final = backoff
        self._route: Final = open_route(self._url, prefix, timeout)
        self._commands: Final = Commands(self._url, self._route, timeout)
        self._keys: Final = Keys(prefix, self._commands.database)
        self._reading: Final = Turns(_READS, timeout * _TURN_SHARE)
        self._seen: Final = Seen()
        self._notifiers: Final[list[Notifier]] = []
        self.leases: Final = RedisLeases(
            self._keys,
            lambda names, arguments: self._commands.run_script(_LEASES, names, arguments),
        )
        self.rules: Final = RedisRules(self._keys, self._commands, Rules(retention, unread))
        self.checkpoints: Final = RedisCheckpoints(self._keys, self._commands, self.rules)
        self.workers: Final = RedisWorkers(self._keys, self._commands)
        self.glances: Final = RedisGlances(self._keys, self._commands)
        self.reports: Final = RedisReports(self._keys, self._commands)
        self.pushes: Final = RedisPushes(self._keys, self._commands)
        self.typists: Final = RedisTypists(self._keys, self._commands)
        self.presence: Final = RedisPresence(self._keys, self._commands, self._seen, self.rules)
        self.access: Final = RedisAccess(self._keys, self._commands)
        self.reader_cursors: Final = RedisReaderCursors(
            self._keys, self._commands, self._seen, self._reading, self.rules
        )
        self.upkeep: Final = RedisUpkeep(
            self._keys, self._commands, self._seen, self._reading, self.rules
        )

    async def append(self, event: NewEvent) -> Cursor | None:
        """See `EventLog.append`."""
        return (await self.append_all((event,)))[0]

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """See `EventLog.append_all`."""
        if not events:
            return []
        durable = not all(event.ephemeral for event in events)
        wait_replicas = self._wait_replicas if durable else 0
        repeatable = batch is not None or all(event.idempotency_key for event in events)
        for _ in range(MAX_RULES):
            keys, arguments = append_arguments(
                events, batch, self._keys, self.rules.current, wait_replicas=wait_replicas
            )
            acknowledged = 0
            if wait_replicas:
                found, acknowledged = await self._commands.run_and_wait(
                    _APPEND,
                    keys,
                    arguments,
                    wait_replicas,
                    before=self._seen.arguments,
                    repeatable=repeatable,
                )
            else:
                found = await self._run(_APPEND, keys, arguments, repeatable=repeatable)
            if not isinstance(found, bytes):
                break
            self.rules.follow(found)
        else:
            raise LogUnavailable("its rules change too often (are servers started in a loop?)")
        with what_we_stored:
            ids = [None if id_ == b"-" else cursor_of(id_) for id_ in found]
        for id_ in ids:
            if id_ is not None:
                self._seen.note(id_)
        if acknowledged < wait_replicas:
            raise LogUnavailable(
                f"stored, but on {acknowledged} replicas, fewer than the "
                f"{wait_replicas} asked for; retrying with the same idempotency key is safe"
            )
        return ids

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        """See `EventLog.read`."""
        topics = tuple(dict.fromkeys(topics))
        share = share_of(limit, len(topics))
        keys = list(self._keys.position)
        for topic in topics:
            keys += (self._keys.stream(topic), self._keys.meta(topic), self._keys.parts(topic))
        size = share_of(READ_BYTES, len(topics))
        async with self._reading:
            found = await self._run(_READ, keys, (str(after), share, size, *topics))
        head, birth, *found = found
        with what_we_stored:
            pages = [
                TopicPage(
                    topic=topics[number[0] - 1] if number else topics[place],
                    events=[
                        Event.from_entry(cursor_of(id_), entry) for id_, (_, entry, *_) in entries
                    ],
                    full=bool(full),
                    trimmed=cursor_of(trimmed) if trimmed else None,
                    reason=reason.decode() if reason else "trimmed",
                    of_parts=bool(number),
                )
                for place, (trimmed, reason, entries, full, *number) in enumerate(found)
            ]
            position = cursor_of(head)
            began, lost = ranges_of(birth)
        self._seen.note(position)
        return merge(pages, after, position, began, lost)

    async def read_back(self, topics: Sequence[str], before: Cursor | None, limit: int) -> Back:
        """See `EventLog.read_back`."""
        topics = tuple(dict.fromkeys(topics))
        size = share_of(READ_BYTES, len(topics))
        keys = [self._keys.stream(topic) for topic in topics]
        arguments = ("" if before is None else str(before), limit, size)
        async with self._reading:
            found = await self._commands.run_script(_READ_BACK, keys, arguments)
        with what_we_stored:
            pages = [
                Back(
                    [Event.from_entry(cursor_of(id_), fields[1]) for id_, fields in entries],
                    bool(more),
                )
                for entries, more in found
            ]
        return merge_back(pages, limit)

    async def head(self) -> Cursor:
        """See `EventLog.head`."""
        return (await self.read((), ORIGIN, 1)).cursor

    async def go_on_above(self, id_: Cursor) -> Cursor:
        """Continue above `id_`, which may have been given though the log does not know it.

        For a log that was put back to an older state: whoever has read what came after
        that is told by a gap of reason ``reset``. Returns the log's position.
        """
        self._seen.note(id_)
        return await self.head()

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        """See `EventLog.snapshots`."""
        keys = list(self._keys.position)
        for topic in topics:
            keys += (self._keys.snapshot(topic), self._keys.tasks(topic))
        chats = [topic for topic in topics if topic.startswith(CHATS)]
        keys += (self._keys.members(topic) for topic in chats)
        async with self._reading:
            head, *found = await self._run(_SNAPSHOTS, keys, ())
        with what_we_stored:
            position = cursor_of(head)
            present = dict(zip(chats, map(present_in, found[2 * len(topics) :]), strict=True))
            del found[2 * len(topics) :]
            snapshots = {
                topic: _snapshot(position, fields, tasks).with_present(present.get(topic))
                for topic, fields, tasks in zip(topics, found[::2], found[1::2], strict=True)
            }
        self._seen.note(position)
        return snapshots

    async def known_keys(self, topic: str, keys: Sequence[str]) -> set[str]:
        """See `EventLog.known_keys`."""
        names = [self._keys.idempotency(topic, key) for key in keys]
        found = await self._values(names)
        return {key for key, id_ in zip(keys, found, strict=True) if id_ is not None}

    async def topics(self, prefix: str, limit: int, before: Place | None = None) -> dict[str, int]:
        """See `EventLog.topics`."""
        found: dict[str, int] = {}
        start = 0
        while len(found) < limit:
            async with self._reading:
                step: list[bytes] = await self._commands.call(
                    *("ZREVRANGE", self._keys.topics, start, start + _INDEX_STEP - 1),
                    "WITHSCORES",
                )
            with what_we_stored:
                listed = [
                    (int(float(at)), name.decode())
                    for name, at in zip(step[::2], step[1::2], strict=True)
                ]
            found |= {
                name: at
                for at, name in listed
                if name.startswith(prefix) and (before is None or (at, name) < before)
            }
            if len(listed) < _INDEX_STEP:
                break
            start += _INDEX_STEP
        return dict(list(found.items())[:limit])

    def listen(self, listener: Listener) -> Notifier:
        """See `EventLog.listen`; call it on the running event loop."""
        notifier = Notifier(
            self._url,
            self._route,
            self._keys,
            listener,
            seen=self._seen,
            publish=self._publish_probe,
            timeout=self._timeout,
            probe_interval=self._probe_interval,
            backoff=self._backoff,
        )
        self._notifiers.append(notifier)
        return notifier

    async def report_connections(self, process: str, counts: Mapping[str, int]) -> None:
        """See `EventLog.report_connections`."""
        report = msgspec.json.encode(dict(counts))
        # One after the other, and not as one: a death in between leaves a key that expires,
        # and a name is in the set only once there is something to find under it.
        await self._commands.call("SET", self._keys.process(process), report, "PX", CONNECTIONS_TTL)
        if await self._commands.call("SADD", self._keys.processes, process):
            # Whoever is new looks who is gone, or processes that crash would add up unasked.
            await self.connections(but=process)

    async def connections(self, *, but: str) -> dict[str, int]:
        """See `EventLog.connections`."""
        known: list[bytes] = await self._commands.call("SMEMBERS", self._keys.processes)
        others = sorted(name.decode() for name in known if name.decode() != but)
        reports = await self._values([self._keys.process(name) for name in others])
        gone = [name for name, report in zip(others, reports, strict=True) if report is None]
        if gone:
            # One that reports again in this moment adds itself with its next report.
            await self._commands.call("SREM", self._keys.processes, *gone)
        totals: dict[str, int] = {}
        for report in reports:
            with what_we_stored:
                counts = msgspec.json.decode(report, type=dict[str, int]) if report else {}
            for topic, count in counts.items():
                totals[topic] = totals.get(topic, 0) + count
        return totals

    async def close(self) -> None:
        """See `EventLog.close`."""
        for notifier in self._notifiers:
            await notifier.close()
        self._notifiers.clear()
        await self._commands.close()
        if self._route is not None:
            await self._route.close()

    def _run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Any],
        *,
        repeatable: bool = True,
    ) -> Coroutine[Any, Any, Any]:
        """Run a script that begins with position.lua."""
        return self._commands.run_script(
            script, keys, arguments, before=self._seen.arguments, repeatable=repeatable
        )

    async def _publish_probe(self, name: str, token: bytes) -> None:
        await self._commands.call("PUBLISH", name, token, repeatable=False)

    async def _values(self, names: Sequence[str]) -> list[bytes | None]:
        if not names:
            return []
        async with self._reading:
            values: list[bytes | None] = await self._commands.call("MGET", *names)
        return values


def _pairs(flat: list[bytes]) -> dict[str, bytes]:
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def _snapshot(position: Cursor, fields: list[bytes], tasks: list[bytes]) -> Snapshot:
    state = _pairs(fields)
    terminal = state.pop("terminal", None)
    last_events = []
    for task, stored in _pairs(tasks).items():
        id_, _, entry = stored.partition(b" ")
        last_events.append((cursor_of(id_), task, entry))
    last_events.sort()
    bodies = {task: Event.from_entry(id_, entry).body for id_, task, entry in last_events}
    states = job_states(state)
    if states is not None:
        return Snapshot.of_states(position, states, bodies)
    end = cursor_of(terminal) if terminal is not None else None
    return Snapshot.from_stored(position, state, end, bodies)
