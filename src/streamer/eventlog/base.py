"""What an event log promises; every promise is tested over every log."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import msgspec

from ..events.cursor import Cursor
from ..events.event import Event
from ..events.new_event import NewEvent
from ..events.page import Back, Page
from ..events.snapshot import Snapshot
from .access import Access
from .checkpoints import Checkpoints
from .glances import Glances
from .leases import Leases
from .presence import Presence
from .push import Pushes
from .reader_cursors import ReaderCursors
from .reports import Reports
from .rules import LogRules
from .typing import Typists
from .upkeep import Upkeep
from .workers import Workers

#: Bytes of events that one page has, about: a large one would hold up all else that
#: goes over the connection to the log, and be held in memory for each that asked.
READ_BYTES: Final = 256 * 1024

#: Parts of what is not whole yet that a topic keeps beside its events. One more is an
#: ordinary event: it is kept when the whole comes. At one in 40 ms, nearly three minutes
#: of several speaking at once, or one that speaks for long and pauses.
MAX_PARTS: Final = 4096

#: Where a topic is in the list of all: the milliseconds of its last event, and its name.
Place = tuple[int, str]


class BatchKey(msgspec.Struct, frozen=True):
    """Names one batch of one publisher, so that a retry appends nothing twice.

    A publisher counts `sequence` up by one for each new batch and repeats it
    for a retry; it has one batch on its way at a time.
    """

    publisher: str
    sequence: int


class Listener(Protocol):
    """To whom new events are reported: the hub. Called on the event loop, never awaited."""

    def notified(self, events: Sequence[Event]) -> None:
        """New events, in the order of the log, each at least once."""

    def interrupted(self, reason: str) -> None:
        """Notifications are lost from now on, until `resumed`."""

    def deleted(self, topics: Sequence[str]) -> None:
        """Subscribed topics were deleted: what was kept of them is gone, and a read says so."""

    def resumed(self) -> None:
        """Every subscribed topic is heard again; what was missed must be read."""


class Notifications(Protocol):
    """One process's subscriptions, over one connection."""

    async def subscribe(self, topics: Collection[str]) -> None:
        """Return when every event appended from now on to `topics` will be notified.

        Raises:
            LogUnavailable: the subscription is remembered and made when the log
                is back; `Listener.resumed` reports it.
        """

    def unsubscribe(self, topics: Collection[str]) -> None:
        """Stop hearing of `topics`, soon."""

    @property
    def healthy(self) -> bool:
        """Whether the log has been heard lately, through the log itself."""

    async def close(self) -> None:
        """Stop listening; no call of the listener follows."""


@runtime_checkable
class EventLog(Protocol):
    """An append-only log of events, read by topic, with ids from one clock.

    Every method raises `LogUnavailable` when the log cannot be reached in time;
    no error of the store itself ever leaves the log.
    """

    async def append(self, event: NewEvent) -> Cursor | None:
        """Append one event atomically and notify it; return its id.

        Ids are strictly increasing over the whole log, and above every id that
        this process has seen, whatever the store has lost (flushed, restored, a
        failover). An event published to several topics has one id in all of them.
        A notified event is always already readable. An event whose idempotency key
        was seen before is not appended: the first one's id is returned. An ephemeral event is only
        notified, and has no id (None).

        An event may be a part of a whole that is still to come (`NewEvent.part_of`): of an
        answer, what has been said so far. A topic keeps `MAX_PARTS` of them beside its
        events: they push none out, and none counts as unread. The event that is the whole
        (`NewEvent.whole_of`) removes those of its name from each of its topics, in the same
        moment, and without a gap: it says all that they said. Until then they are kept as
        long as the topic is.

        Raises:
            LogUnavailable: it is unknown whether the event was stored; with an
                idempotency key, retrying is safe.
        """

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """Append several events atomically, in order; return their ids, in order.

        A batch whose key was appended before returns the same ids again.
        """

    async def read(self, topics: Sequence[str], after: Cursor, limit: int) -> Page:
        """Read events of `topics` after a cursor: one page.

        It has about `limit` events, and about `READ_BYTES`; at least one event, if
        there is any.

        An event in several of the topics is returned once. There is a `Gap` if
        and only if at least one event after the cursor was removed, or the log
        may have lost some: it is older than the log's birth, or a range of ids
        that the log has lost ends after it. A cursor that is ahead of the log,
        which is never behind an id that this process has seen, is of a log that
        nobody here knows: its gap leads back to the head.
        `ORIGIN` is older than everything and only means "from the first that is
        kept": reading from it is never a gap.
        """

    async def read_back(self, topics: Sequence[str], before: Cursor | None, limit: int) -> Back:
        """Read the newest events of `topics` that are kept, before one; None: the newest of all.

        About `limit` events, and about `READ_BYTES`; at least one event, if there is any.
        An event in several of the topics is returned once. What was removed is not there,
        and leaves no gap: whoever reads back has not been promised anything. Nor are parts
        of what is not whole yet.
        """

    async def head(self) -> Cursor:
        """The log's position: no event so far is after it, every later one is.

        It never falls below an id that this process has seen.
        """

    async def snapshots(self, topics: Sequence[str]) -> dict[str, Snapshot]:
        """The state of each topic, and the log's position, read atomically.

        A topic nothing was published to has an empty snapshot at the position.
        """

    async def known_keys(self, topic: str, keys: Sequence[str]) -> set[str]:
        """Which of `keys` an event was appended with, whose first topic was `topic`.

        A key is known for a day.
        """

    async def topics(self, prefix: str, limit: int, before: Place | None = None) -> dict[str, int]:
        """Topics that start with `prefix`, the most recently published first.

        Each with the milliseconds of its last event. With `before` only those that
        are listed after that place; what was published to meanwhile is not.
        """

    @property
    def leases(self) -> Leases:
        """The signs of life of the jobs that are reported in this log."""

    @property
    def checkpoints(self) -> Checkpoints:
        """Where jobs can go on from."""

    @property
    def access(self) -> Access:
        """What the processes of this log share about access."""

    @property
    def reader_cursors(self) -> ReaderCursors:
        """How far each subject has read each topic."""

    @property
    def rules(self) -> LogRules:
        """What is kept of each topic, and what counts as unread on it."""

    @property
    def pushes(self) -> Pushes:
        """Who is reached by Web Push, and what is to be sent to whom."""

    @property
    def presence(self) -> Presence:
        """Who is there in conversations."""

    @property
    def typists(self) -> Typists:
        """Who is typing in them."""

    @property
    def glances(self) -> Glances:
        """How many jobs stand."""

    @property
    def workers(self) -> Workers:
        """The workers that report to this log."""

    @property
    def reports(self) -> Reports:
        """How each process of a server does."""

    @property
    def upkeep(self) -> Upkeep:
        """What is kept of each topic, and that it goes."""

    def listen(self, listener: Listener) -> Notifications:
        """Start notifying `listener`; nothing is subscribed yet."""

    async def report_connections(self, process: str, counts: Mapping[str, int]) -> None:
        """Report to the other processes how many readers `process` has, by topic.

        The report is forgotten 15 seconds after the last one.
        """

    async def connections(self, *, but: str) -> dict[str, int]:
        """Readers by topic over all processes that reported lately, except `but`."""

    async def close(self) -> None:
        """Close every connection."""
