"""One reader's life, as a pure state machine.

::

    replaying ──▶ live ──▶ lagging ──▶ replaying ...
        └───────────┴─────────┴──▶ ended

A session is given what was read and what its transport says; it answers with
what to read and what to write. It never awaits and never reads a clock.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from ..events.control import Control
from ..events.cursor import FIRST, ORIGIN, Cursor
from ..events.event import Event
from ..events.page import Gap, Page
from ..events.snapshot import Snapshot
from .controls import end_control, gap_control, gap_controls
from .limits import HubLimits
from .seen import Seen
from .send_progress import SendProgress
from .story import Story
from .tail import Tail


class State(Enum):
    """Where a session is in its life."""

    REPLAYING = "replaying"
    LIVE = "live"
    LAGGING = "lagging"
    ENDED = "ended"


class Send(msgspec.Struct, frozen=True):
    """Write these now, then ask again."""

    items: Sequence[Event | Control]


class ReadLog(msgspec.Struct, frozen=True):
    """Read `topics` after this cursor from the log and hand the page to `take_page`.

    `beyond_tail` is for what no tail can answer, even one that reaches back to `after`.
    """

    topics: tuple[str, ...]
    after: Cursor
    backfill: bool = False
    beyond_tail: bool = False


class Join(msgspec.Struct, frozen=True):
    """Write these; from here on the reader is live."""

    items: list[Event | Control]


Step = Send | ReadLog | Join


class _Backfill(msgspec.Struct, frozen=True):
    """What is still to be read of a topic that was added: from `start` on, now after `after`."""

    topic: str
    start: Cursor
    after: Cursor


class Session:
    """What one reader has seen, and what it is to be given next.

    Args:
        topics: the topics it reads, in the order they were asked for.
        cursor: where it starts; everything after is owed to it.
        limits: of what it is handed, and of what it remembers.
        until_end: end after the first terminal event.
        per_job: its topics are jobs: end each after its own terminal event, and
            the session after the last of them.
        story: what it follows, if that has an end of its own.

    Attributes:
        cursor: everything up to here has been handed to the transport.
        state: see `State`. Both are for others to read, and for its methods to change.
        story: as above.
    """

    __slots__ = (
        "_announced",
        "_at_head",
        "_backfill",
        "_limits",
        "_progress",
        "_running",
        "_seen",
        "cursor",
        "state",
        "story",
        "topics",
        "until_end",
    )

    def __init__(
        self,
        topics: tuple[str, ...],
        cursor: Cursor,
        *,
        limits: HubLimits,
        until_end: bool = False,
        per_job: bool = False,
        story: Story | None = None,
    ) -> None:
        self.topics = topics
        self.story = story
        self.cursor = cursor
        self.state = State.REPLAYING
        self.until_end = until_end
        # The topics that no `end` has named yet; None if only `until_end` ends it.
        self._running = dict.fromkeys(topics) if per_job and not until_end else None
        self._limits = limits
        self._seen = Seen(topics, cursor, limits.losses)
        self._announced = False
        # Whether the log itself said that nothing was after `cursor`.
        self._at_head = False
        self._backfill: tuple[_Backfill, ...] = ()
        self._progress: SendProgress | None = None

    @property
    def may_end(self) -> bool:
        """Whether an event may be its last."""
        return self.until_end or self._running is not None or self.story is not None

    @property
    def is_broken(self) -> bool:
        """Whether it must not end as if all was said: its connection is cut."""
        return self.story is not None and not self.story.is_over

    # What to do next

    def next_step(self, tail: Tail) -> Step:
        """Say what a replaying reader needs; `tail` is that of its topics.

        Call it again after each `Send` and after each page, while the transport
        takes more.
        """
        if self._backfill:
            first = self._backfill[0]
            return ReadLog((first.topic,), first.after, backfill=True)
        # A cursor ahead of the tail may be one of another process that heard
        # sooner, or of another log: only the log knows which.
        if self._at_head and self.cursor >= tail.head:
            return self._join()
        if not tail.floor <= self.cursor <= tail.head:
            return self._read()
        events = tail.after(self.cursor, self._limits.page_bytes)
        if events:
            return Send(self.take(events))
        # So may be a topic that was added with a cursor of its own.
        is_ahead = self._seen.ahead > self.cursor
        return self._read(beyond_tail=True) if is_ahead else self._join()

    def _read(self, *, beyond_tail: bool = False) -> ReadLog:
        # From the origin nothing is a gap, but it is to a topic that has a cursor of its own.
        is_first = self.cursor == ORIGIN and self._seen.ahead == ORIGIN
        after = ORIGIN if is_first else max(self.cursor, FIRST)
        return ReadLog(self.topics, after, beyond_tail=beyond_tail)

    def _join(self) -> Join:
        self.state = State.LIVE
        said: list[Event | Control] = []
        said += [self._rolled_back(topic) for topic in self._seen.beyond(self.cursor)]
        if not self._announced:
            said.append(self._caught_up())
        return Join(said)

    def _rolled_back(self, topic: str) -> Control:
        """Report that the log does not reach to where this reader had been in `topic`."""
        gap = Gap(topic, self._seen.begins(topic), self.cursor, "reset")
        self._seen.begin(topic, self.cursor)
        return gap_control(gap, self.cursor)

    def _caught_up(self) -> Control:
        # It moves the client's cursor: a reader at the origin of a topic that is empty has
        # been given all there was, and would else come back as one that had not been here.
        self._announced = True
        return Control("caught_up", {"cursor": str(self.cursor)}, id=self.cursor)

    # What it is given

    def take(self, events: Sequence[Event]) -> Sequence[Event | Control]:
        """Move past `events`, which follow the cursor; return what to write of them."""
        self._at_head = False
        if self.story is not None:
            return self._follow(events, self.story)
        some_are_old = self._seen.ahead > self.cursor
        if events and not some_are_old and not self.may_end:  # so are nearly all
            self.cursor = events[-1].end
            return events
        taken: list[Event | Control] = []
        for event in events:
            if event.id is not None:
                self.cursor = event.end
            if some_are_old and not self._seen.wants(event):
                continue
            taken.append(event)
            if event.terminal and self.may_end:
                taken += self._ends(event)
                if self.state is State.ENDED:
                    break
        return taken

    def _follow(self, events: Sequence[Event], story: Story) -> Sequence[Event | Control]:
        """Move past `events` up to the end of its story; return what is written of them."""
        taken: list[Event | Control] = []
        for event in events:
            if event.id is not None:
                self.cursor = event.end
            taken += story.take(event)
            if story.is_over or story.is_broken:
                self.finish()
                return taken
        # What all are written alike is encoded once.
        is_all = len(taken) == len(events) and all(map(operator.is_, taken, events))
        return events if is_all else taken

    def take_page(self, page: Page) -> list[Event | Control]:
        """Move past a page that `ReadLog` asked for; return what to write of it."""
        if self._backfill:
            return self._take_backfill(page)
        taken: list[Event | Control] = []
        page = msgspec.structs.replace(page, gaps=self._seen.unreported(page.gaps))
        for topic, begin in page.begins.items():
            if self._seen.begins(topic) == ORIGIN:
                self._seen.begin(topic, begin)
        if page.gaps:
            if self.story is not None:  # what was lost may have been its
                self.finish()
                return taken
            stood = self.cursor
            self.lose(page.gaps, page.behind_gaps(stood))
            taken += gap_controls(page.gaps, stood, self.cursor)
        taken += self.take(page.events)
        if self.state is not State.ENDED:
            self.cursor = page.cursor
            self._at_head = page.complete
        return taken

    def lose(self, gaps: Sequence[Gap], cursor: Cursor) -> None:
        """Move to `cursor`; what `gaps` say is never given to this reader."""
        self._seen.lose(gaps)
        self.cursor = cursor

    def move_to(self, cursor: Cursor) -> None:
        """Move to `cursor`: everything up to there has been written, with others of its feed."""
        self.cursor = cursor

    def resume(self) -> None:
        """Replay from the cursor, if it is live: its feed has what it lacks."""
        if self.state is State.LIVE:
            self._replay()

    def finish(self) -> None:
        """End the session: whatever its reason, nothing more is written."""
        self.state = State.ENDED

    def end(self, reason: str, topic: str) -> Control:
        """End the session; return the last control event to write."""
        self.finish()
        return end_control(topic, reason, remaining=0)

    def over(self, snapshots: Mapping[str, Snapshot]) -> list[Event | Control]:
        """End the jobs that were over where it starts; return what follows ``connected``."""
        if self._running is None:
            return []
        stands = {part.topic: part.after for part in self._backfill}
        ends: list[Event | Control] = []
        for topic in tuple(self._running):
            snapshot = snapshots.get(topic)
            end = snapshot.terminal if snapshot is not None else None
            if snapshot is not None and end is not None and end <= stands.get(topic, self.cursor):
                ends.append(self._end_of(topic, snapshot.status or "ended"))
        if self.state is State.ENDED and not self._announced:
            ends.insert(-1, self._caught_up())
        return ends

    def _ends(self, event: Event) -> list[Control]:
        own = [topic for topic in self.topics if topic in event.topics] or [event.topics[0]]
        if self._running is None:
            return [self.end(event.type, own[0])]
        return [self._end_of(topic, event.type) for topic in own if topic in self._running]

    def _end_of(self, topic: str, reason: str) -> Control:
        assert self._running is not None  # noqa: S101
        del self._running[topic]
        if not self._running:
            return self.end(reason, topic)
        return end_control(topic, reason, remaining=len(self._running))

    # Topics that come and go (WebSocket)

    def change_topics(
        self, topics: tuple[str, ...], backfill: tuple[str, Cursor] | None = None
    ) -> None:
        """Read other topics from now on, still after `cursor`.

        `backfill` is a topic that was added, with the reader's own cursor in it:
        what it missed there, up to `cursor`, is replayed first. Where it is ahead of
        `cursor`, what comes of that topic up to there is not given again.
        """
        if self.state is State.LIVE:
            self.state = State.REPLAYING
        self._seen.change(topics, self.cursor)
        if backfill is not None:
            topic, after = backfill
            if after < self.cursor:
                self._backfill = (*self._backfill, _Backfill(topic, after, after))
            else:
                self._seen.begin(topic, after)
        self._backfill = tuple(part for part in self._backfill if part.topic in topics)
        if self._running is not None:
            kept = {topic for topic in self.topics if topic not in self._running}
            self._running = dict.fromkeys(topic for topic in topics if topic not in kept)
        self.topics = topics
        self._at_head = False

    def _take_backfill(self, page: Page) -> list[Event | Control]:
        first, *rest = self._backfill
        start = min(page.begins.get(first.topic, first.start), self.cursor)
        # What was lost beyond the cursor is reported by the replay from there.
        up_to = [gap.up_to(self.cursor, ()) for gap in page.gaps]
        # Of this topic alone, also if the log itself was lost: what it still has comes next,
        # below the cursor of the others.
        parts = [
            msgspec.structs.replace(part, topic=first.topic) for part in up_to if part is not None
        ]
        self._seen.lose(parts)
        taken: list[Event | Control] = [gap_control(part, self.cursor) for part in parts]
        for event in page.events:
            if event.id is not None and event.id <= self.cursor and not self._seen.has(event):
                taken.append(event)
                if event.terminal and self._running is not None:
                    taken += self._ends(event)
        if page.complete or page.cursor >= self.cursor:
            self._backfill = tuple(rest)
            self._seen.begin(first.topic, start)
        else:
            self._backfill = (_Backfill(first.topic, start, page.cursor), *rest)
        return taken

    # What its transport says

    def filled(self) -> None:
        """The transport is over its high-water mark: nothing is written until it drains."""
        if self.state in {State.LIVE, State.REPLAYING}:
            self.state = State.LAGGING
            self._progress = None

    def drained(self) -> None:
        """The transport takes more: replay from the cursor."""
        if self.state is State.LAGGING:
            self._replay()

    def _replay(self) -> None:
        self.state = State.REPLAYING
        # Said long ago: the log may have been lost since.
        self._at_head = False

    def is_stuck(self, now: float, pending: int, timeout: float) -> bool:
        """Whether a lagging reader took none of its `pending` bytes for `timeout` seconds."""
        if self.state is not State.LAGGING:
            return False
        if self._progress is None:
            self._progress = SendProgress()
        return self._progress.is_stuck(now, pending, timeout)
