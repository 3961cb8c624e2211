"""A feed: the tail of one set of topics, and the readers that are live on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..events.cursor import ORIGIN, Cursor
from ..events.event import JOIN, LEAVE, Event
from ..events.job_event import JOB_EVENT_TYPES
from ..metrics import SILENT, Metrics
from .live import Live
from .tail import Tail
from .throttled import Throttled

if TYPE_CHECKING:
    from ..events.page import Gap, Page
    from ..events.snapshot import Snapshot
    from .fan_out import FanOut
    from .limits import HubLimits
    from .reader import Reader


#: Types of which a snapshot learns anything.
_FOLDED: Final = JOB_EVENT_TYPES | {JOIN, LEAVE}


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
        metrics: counts what they are handed.
    """

    def __init__(
        self,
        topics: tuple[str, ...],
        snapshots: dict[str, Snapshot],
        *,
        position: Cursor,
        max_events: int,
        max_bytes: int,
        limits: HubLimits,
        fan_out: FanOut,
        metrics: Metrics = SILENT,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.topics = topics
        self.tail = Tail(position, max_events=max_events, max_bytes=max_bytes)
        self.reading = asyncio.Lock()
        self.readers = 0
        self._limits = limits
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.metrics = metrics
        self._snapshots: dict[str, Snapshot] | None = snapshots
        self._unfolded: list[Event] = []
        self._folded = position  # what came up to here is not in `_unfolded`
        self._fan_out = fan_out
        self._call_soon = call_soon
        self._live = Live(self, position, limits=limits, fan_out=fan_out, call_soon=call_soon)
        # Those that are written to only so often, by the seconds between.
        self._throttled: dict[float, Throttled] = {}
        self._news: asyncio.Future[None] | None = None
        self._end: asyncio.Future[None] | None = None

    # Readers

    def came(self) -> None:
        """Count one more reader, which is not live yet."""
        self.readers += 1

    def went(self) -> None:
        """Count one reader fewer; `leave` was called for it before."""
        self.readers -= 1

    def join(self, reader: Reader) -> None:
        """Count `reader` among the live; its cursor is at the head, or ahead of it.

        It is ahead where the log has shown it more than was notified here yet.
        """
        interval = reader.interval
        if not interval:
            self._live.join(reader)
            return
        throttled = self._throttled.get(interval)
        if throttled is None:
            throttled = self._throttled[interval] = Throttled(
                self,
                self.tail.head,
                interval,
                limits=self._limits,
                fan_out=self._fan_out,
                call_soon=self._call_soon,
            )
        throttled.join(reader)

    def rejoin(self, reader: Reader) -> None:
        """Put `reader`, which is live, where it stands now."""
        live = self._live_of(reader)
        if live is None:
            self.join(reader)
        else:
            live.rejoin(reader)

    def leave(self, reader: Reader) -> None:
        """`reader` is live no longer, if it was; its session knows where it stands."""
        live = self._live_of(reader)
        if live is not None:
            live.leave(reader)

    def step_out(self, reader: Reader) -> None:
        """Let `reader`, which is in step, be written to by itself, behind what is on its way."""
        live = self._live_of(reader)
        if live is not None:
            live.step_out(reader)

    def _live_of(self, reader: Reader) -> Live | None:
        interval = reader.interval
        return self._throttled.get(interval) if interval else self._live

    @property
    def live(self) -> int:
        """How many readers are live."""
        return len(self._live) + sum(map(len, self._throttled.values()))

    def news(self) -> asyncio.Future[None]:
        """A future, shared by all who ask, that is done when the next event comes."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    def end(self) -> asyncio.Future[None]:
        """The same, done when the next terminal event comes."""
        if self._end is None:
            self._end = asyncio.get_running_loop().create_future()
        return self._end

    def wake(self) -> None:
        """Let all who wait look."""
        self._tell_news()
        self._tell_end()

    def _tell_news(self) -> None:
        if self._news is not None:
            self._news.set_result(None)
            self._news = None

    def _tell_end(self) -> None:
        if self._end is not None:
            self._end.set_result(None)
            self._end = None

    def close(self) -> None:
        """Let go of its events: nobody asks for it any more.

        It and what it hands them to hold one another, so that both are there until the collector
        comes, which may be in hours; and a tail may have a MiB.
        """
        self.tail = Tail(
            max(self.tail.head, self.tail.floor),
            max_events=self._max_events,
            max_bytes=self._max_bytes,
        )
        self._snapshots, self._unfolded = None, []

    # Events

    def push(self, events: Sequence[Event]) -> None:
        """Take notified events; those that came before are dropped by id."""
        append = self.tail.append
        fresh = [event for event in events if event.id is None or append(event)]
        if not fresh:
            return
        self._unfolded += [e for e in fresh if e.type in _FOLDED and e.id is not None]
        if len(self._unfolded) > self._limits.unfolded_events:
            self._snapshots, self._unfolded, self._folded = None, [], self.tail.head
        if self._news is not None:
            self._tell_news()
        if self._end is not None and any(event.terminal for event in fresh):
            self._tell_end()
        self._live.push(fresh)
        if self._throttled:
            self._push_throttled(fresh)

    def _push_throttled(self, fresh: Sequence[Event]) -> None:
        for interval, live in tuple(self._throttled.items()):
            if live:
                live.push(fresh)
            else:  # whoever comes next begins at the head
                del self._throttled[interval]

    def lose(self, gaps: Sequence[Gap], behind: Cursor) -> None:
        """Start over behind `gaps`, and report them to the live readers, which moves them.

        They stand at `behind` then, as `Page.behind_gaps` has it.
        Events between there and the end of the gaps may follow; they are not
        kept, so that the log reports them to readers that come from before that end.
        """
        until = max(gap.until for gap in gaps)
        for live in (self._live, *self._throttled.values()):
            live.finish()  # nothing that came before is lost
        self.tail = Tail(
            behind, floor=until, max_events=self._max_events, max_bytes=self._max_bytes
        )
        self._snapshots, self._unfolded, self._folded = None, [], until
        for live in (self._live, *self._throttled.values()):
            live.lose(gaps, behind)

    def learn(self, page: Page, after: Cursor) -> None:
        """Keep what one reader's page after `after` brought, for those who come from there."""
        # A page from the origin reports no gaps: it does not say what others have lost.
        if after == ORIGIN or not page.complete or page.cursor < self.tail.floor:
            return
        floor = max([after, *(gap.until for gap in page.gaps)])
        self.tail.extend_back(page.events, floor, page.cursor)

    # Snapshots

    def snapshots(self) -> dict[str, Snapshot] | None:
        """The topics' states at the head of the tail; None if they must be read again."""
        if self._snapshots is None:
            return None
        unfolded, self._unfolded = self._unfolded, []
        for event in unfolded:
            for topic in event.topics:
                state = self._snapshots.get(topic)
                if state is not None and event.id is not None and event.id > state.cursor:
                    self._snapshots[topic] = state.after(event, topic)
        cursors = [state.cursor for state in self._snapshots.values()]
        position = max(self.tail.head, *cursors)
        if cursors.count(position) != len(cursors):
            self._snapshots = {t: state.at(position) for t, state in self._snapshots.items()}
        return self._snapshots.copy()

    def renew_snapshots(self, snapshots: dict[str, Snapshot]) -> None:
        """Take snapshots read from the log, unless more than we kept came meanwhile.

        Of several that were asked for at once the first is taken: into that one,
        events may have been folded that a later answer does not know.
        """
        if self._snapshots is not None:
            return
        if all(state.cursor >= self._folded for state in snapshots.values()):
            self._snapshots = snapshots
