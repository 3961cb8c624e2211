"""A feed: the tail of one set of topics, and the readers that are live on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from .cursor import ORIGIN, Cursor
from .page import Gap
from .session import State, gap_control
from .tail import Tail
from .wire.form import Form, encode

if TYPE_CHECKING:
    from .event import Event
    from .page import Page
    from .reader import Reader
    from .snapshot import Snapshot

#: Readers written to before the event loop is let go of once; at about 4 µs a
#: reader, some two milliseconds.
SLICE: Final = 512
#: Events kept unfolded before the snapshots are read anew instead.
MAX_UNFOLDED: Final = 256


class Feed:
    """What is known in this process of one set of topics.

    Readers of one topic, nearly all, share that topic's feed; readers of the
    same set of topics share a merged one.

    Attributes:
        topics: the topics, sorted.
        tail: their newest events, in the order of ids.
        reading: held while one reader's page is read from the log, so that
            those who wait can be served from what it brought.
        readers: how many readers there are, live or not.
    """

    def __init__(
        self,
        topics: tuple[str, ...],
        snapshots: dict[str, Snapshot],
        *,
        position: Cursor,
        max_events: int,
        max_bytes: int,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.topics = topics
        self.tail = Tail(position, max_events=max_events, max_bytes=max_bytes)
        self.reading = asyncio.Lock()
        self.readers = 0
        self._limits = (max_events, max_bytes)
        self._call_soon = call_soon
        self._snapshots: dict[str, Snapshot] | None = snapshots
        self._unfolded: list[Event] = []
        self._folded = position  # what came up to here is not in `_unfolded`
        self._live: dict[Reader, None] = {}
        self._outbox: list[Event] = []  # arrived, not yet in a pass
        self._pass: _Pass | None = None  # the one under way, if it let go of the loop
        self._sent = position  # where the last pass left the live readers
        self._news: asyncio.Future[None] | None = None

    # Readers

    def join(self, reader: Reader) -> None:
        """Count `reader` among the live; its cursor is at the head, or ahead of it.

        It is ahead where the log has shown it more than was notified here yet.
        """
        self._live[reader] = None

    def leave(self, reader: Reader) -> None:
        """`reader` is live no longer, if it was."""
        self._live.pop(reader, None)

    def news(self) -> asyncio.Future[None]:
        """A future, shared by all who ask, that is done when the next event comes."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    def wake(self) -> None:
        """Tell all who wait for news to look."""
        if self._news is not None:
            self._news.set_result(None)
            self._news = None

    # Events

    def push(self, events: Sequence[Event]) -> None:
        """Take notified events; those that are no news are dropped by id."""
        append = self.tail.append
        fresh = [event for event in events if event.id is None or append(event)]
        if not fresh:
            return
        self._unfolded += [event for event in fresh if event.id is not None]
        if len(self._unfolded) > MAX_UNFOLDED:
            self._snapshots, self._unfolded, self._folded = None, [], self.tail.head
        self._outbox += fresh
        self.wake()
        if self._pass is None:
            self._begin_pass()

    def _begin_pass(self) -> None:
        """Hand everything that has arrived to every live reader, each in one write."""
        batch, self._outbox = self._outbox, []
        self._pass = _Pass(self, batch, self._sent, list(self._live))
        if self._pass.head is not None:
            self._sent = self._pass.head
        self._continue_pass()

    def _continue_pass(self) -> None:
        if self._pass is None:  # the log was reset meanwhile
            return
        if not self._pass.run(SLICE):
            self._call_soon(self._continue_pass)
            return
        self._pass = None
        if self._outbox:
            self._call_soon(self._begin_pass_if_idle)

    def _begin_pass_if_idle(self) -> None:
        if self._pass is None and self._outbox:
            self._begin_pass()

    def lose(self, gaps: Sequence[Gap]) -> None:
        """Start over behind a gap, and tell the live readers of it.

        There are several where several topics lost events up to the same one.
        """
        until = gaps[0].until
        is_reset = gaps[0].reason == "reset"
        while self._pass is not None or self._outbox:  # nothing that came before is lost
            if self._pass is None:
                self._begin_pass()
            elif self._pass.run(SLICE):
                self._pass = None
        self.tail = Tail(until, max_events=self._limits[0], max_bytes=self._limits[1])
        self._sent = until
        self._snapshots, self._unfolded, self._folded = None, [], until
        for reader in tuple(self._live):
            if is_reset or reader.session.cursor < until:
                reader.session.cursor = until
                reader.write([gap_control(gap) for gap in gaps])

    def learn(self, page: Page, after: Cursor) -> None:
        """Keep what one reader's page after `after` brought, for those who come from there."""
        # A page from the origin tells of no gaps: it does not say what others have lost.
        if after == ORIGIN or not page.complete or page.cursor < self.tail.floor:
            return
        events = [item for item in page.items if not isinstance(item, Gap)]
        gaps = [item.until for item in page.items if isinstance(item, Gap)]
        self.tail.extend_back(events, max([after, *gaps]))

    # Snapshots

    def snapshots(self) -> dict[str, Snapshot] | None:
        """The topics' states at the head of the tail; None if they must be read anew."""
        if self._snapshots is None:
            return None
        unfolded, self._unfolded = self._unfolded, []
        for event in unfolded:
            for topic in event.topics:
                state = self._snapshots.get(topic)
                if state is not None and event.id is not None and event.id > state.cursor:
                    self._snapshots[topic] = state.after(event, topic)
        position = max(self.tail.head, *(state.cursor for state in self._snapshots.values()))
        return {topic: state.at(position) for topic, state in self._snapshots.items()}

    def renew_snapshots(self, snapshots: dict[str, Snapshot]) -> None:
        """Take snapshots read from the log, unless more than we kept came meanwhile."""
        if all(state.cursor >= self._folded for state in snapshots.values()):
            self._snapshots = snapshots


class _Pass:
    """One batch of events on its way to the readers that were live when it began."""

    __slots__ = ("_base", "_batch", "_buffers", "_feed", "_readers", "_terminal", "head")

    def __init__(self, feed: Feed, batch: list[Event], base: Cursor, readers: list[Reader]) -> None:
        self._feed = feed
        ids = [event.id for event in batch if event.id is not None]
        #: The id of the last durable event of the batch, if it has any.
        self.head = ids[-1] if ids else None
        self._batch = batch
        self._base = base
        self._readers = readers
        self._terminal = any(event.terminal for event in batch)
        self._buffers: dict[Form, bytes] = {}

    def run(self, count: int) -> bool:
        """Write to the next `count` readers; True when all have been written to."""
        readers, self._readers = self._readers[:count], self._readers[count:]
        base, head, terminal, buffers = self._base, self.head, self._terminal, self._buffers
        live, feed = State.LIVE, self._feed
        for reader in readers:
            session = reader.session
            if session.state is not live or reader.feed is not feed:
                continue  # it filled up, or went, after the pass began: it has its cursor
            cursor = session.cursor
            if head is not None:
                if cursor is not base and cursor != base:
                    # It joined between two events of the batch, or ahead of it.
                    if cursor < head:
                        reader.resume()
                    continue
                if terminal and session.until_end:
                    reader.resume()
                    continue
                session.cursor = head
            writer = reader.writer
            form = writer.form
            buffer = buffers.get(form)
            if buffer is None:
                buffer = buffers[form] = encode(form, self._batch)
            writer.write(buffer)
        return not self._readers
