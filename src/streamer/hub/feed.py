"""A feed: the tail of one set of topics, and the readers that are live on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event, Run
from ..events.job_event import JOB_EVENT_TYPES
from ..metrics import SILENT, Metrics
from ..wire.form import PerFeed, encode
from .cohort import Cohort, roomy
from .controls import gap_controls
from .reader import alone
from .session import State
from .tail import Tail

if TYPE_CHECKING:
    from ..events.page import Gap, Page
    from ..events.snapshot import Snapshot
    from ..wire.form import FeedForm, Form
    from .fan_out import FanOut
    from .limits import HubLimits
    from .reader import Reader


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
        self._fan_out = fan_out
        self.metrics = metrics
        self._call_soon = call_soon
        self._snapshots: dict[str, Snapshot] | None = snapshots
        self._unfolded: list[Event] = []
        self._folded = position  # what came up to here is not in `_unfolded`
        self._cohorts: list[Cohort] = []
        # Live readers that a cohort cannot take: they stand elsewhere, or may end.
        self._apart: dict[Reader, None] = {}
        # The forms of theirs that have a state of this feed, by their plain form.
        self._forms: dict[PerFeed, FeedForm] = {}
        self._outbox: list[Event] = []  # arrived, not yet in a pass
        self._pass: _Pass | None = None  # the one under way, if it yielded to the loop
        self._sent = position  # where the last pass left the live readers
        self._news: asyncio.Future[None] | None = None

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
        session = reader.session
        if session.may_end or session.cursor != self._sent:
            self._apart[reader] = None
            return
        form = reader.writer.form
        first: bytes | None = b""
        if isinstance(form, PerFeed):
            own = self._forms.get(form)
            if own is None:
                own = self._forms[form] = form.for_feed()
            elif self._pass is not None:
                self._pass.encode_for(own)  # whoever joins now begins behind that batch
            form, first = own, own.begin()
            if first is None:
                self._apart[reader] = None
                return
        most = self._limits.cohort_readers
        cohort = roomy(reversed(self._cohorts), form, self._sent, most)
        if cohort is None:
            cohort = Cohort(form, self._sent, self._fan_out)
            self._cohorts.append(cohort)
        cohort.add(reader)
        if first:
            reader.writer.write(first)

    def leave(self, reader: Reader) -> None:
        """`reader` is live no longer, if it was; its session knows where it stands."""
        cohort = reader.cohort
        if cohort is None:
            self._apart.pop(reader, None)
            return
        cohort.remove(reader)
        if not cohort:
            self._cohorts = [other for other in self._cohorts if other]
            if self._forms:
                kept = {id(other.form) for other in self._cohorts}
                self._forms = {f: own for f, own in self._forms.items() if id(own) in kept}

    @property
    def live(self) -> int:
        """How many readers are live."""
        return len(self._apart) + sum(map(len, self._cohorts))

    def news(self) -> asyncio.Future[None]:
        """A future, shared by all who ask, that is done when the next event comes."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    def wake(self) -> None:
        """Let all who wait for news look."""
        if self._news is not None:
            self._news.set_result(None)
            self._news = None

    # Events

    def push(self, events: Sequence[Event]) -> None:
        """Take notified events; those that came before are dropped by id."""
        append = self.tail.append
        fresh = [event for event in events if event.id is None or append(event)]
        if not fresh:
            return
        # Of no other type does a snapshot learn anything.
        self._unfolded += [e for e in fresh if e.type in JOB_EVENT_TYPES and e.id is not None]
        if len(self._unfolded) > self._limits.unfolded_events:
            self._snapshots, self._unfolded, self._folded = None, [], self.tail.head
        self._outbox += fresh
        self.wake()
        if self._pass is None:
            self._begin_pass()

    def _begin_pass(self) -> None:
        """Hand everything that has arrived to every live reader, each in one write."""
        batch, self._outbox = self._outbox, []
        self._pass = _Pass(
            batch, self._sent, self._cohorts, self._apart, self._limits.cohort_readers
        )
        self._sent = self._pass.head
        self._continue_pass()

    def _continue_pass(self) -> None:
        if self._pass is None:  # it was finished at once, when the log was lost
            return
        if not self._pass.run(self):
            self._call_soon(self._continue_pass)
            return
        self._pass = None
        if self._outbox:
            self._call_soon(self._begin_pass_if_idle)

    def _begin_pass_if_idle(self) -> None:
        if self._pass is None and self._outbox:
            self._begin_pass()

    def lose(self, gaps: Sequence[Gap], behind: Cursor) -> None:
        """Start over behind `gaps`, and report them to the live readers, which moves them.

        They stand at `behind` then, as `Page.behind_gaps` has it.
        Events between there and the end of the gaps may follow; they are not
        kept, so that the log reports them to readers that come from before that end.
        """
        until = max(gap.until for gap in gaps)
        while self._pass is not None or self._outbox:  # nothing that came before is lost
            if self._pass is None:
                self._begin_pass()
            elif self._pass.run(self):
                self._pass = None
        stood = self._sent
        self.tail = Tail(
            behind, floor=until, max_events=self._max_events, max_bytes=self._max_bytes
        )
        self._sent = behind
        self._snapshots, self._unfolded, self._folded = None, [], until
        controls = gap_controls(gaps, stood, behind)
        buffers: dict[Form, bytes] = {}
        for cohort in tuple(self._cohorts):
            cohort.lose(gaps)
            self.metrics.reported_gaps(len(cohort), len(controls))
            if cohort.form not in buffers:  # one batch for all of a form
                buffers[cohort.form] = encode(cohort.form, controls)
            cohort.write(buffers[cohort.form], behind)
        for reader in tuple(self._apart):
            if reader.session.cursor == stood:
                reader.session.lose(gaps, behind)
                alone(reader, partial(reader.write, controls))
            elif reader.session.cursor < until:
                alone(reader, reader.resume)

    def learn(self, page: Page, after: Cursor) -> None:
        """Keep what one reader's page after `after` brought, for those who come from there."""
        # A page from the origin reports no gaps: it does not say what others have lost.
        if after == ORIGIN or not page.complete or page.cursor < self.tail.floor:
            return
        self.tail.extend_back(page.events, max([after, *(gap.until for gap in page.gaps)]))

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


class _Pass:
    """One batch of events on its way to the readers that were live when it began.

    Args:
        most: readers that stand apart of one `run`.

    Attributes:
        head: where it leaves them: at the end of its last durable event.
    """

    __slots__ = ("_apart", "_base", "_batch", "_cohorts", "_most", "_served", "_terminal", "head")

    def __init__(
        self,
        batch: list[Event],
        base: Cursor,
        cohorts: list[Cohort],
        apart: dict[Reader, None],
        most: int,
    ) -> None:
        stored = [event for event in batch if event.id is not None]
        self.head = stored[-1].end if stored else base
        self._base = base
        self._batch = Run(batch)
        self._cohorts = cohorts[::-1]
        self._apart = list(apart)
        self._most = most
        self._terminal = any(event.terminal for event in batch)
        self._served = 0  # of those that stand apart, since they were last counted

    def encode_for(self, form: Form) -> None:
        """Let `form` see the batch now, if it has not; its cohorts are written the same."""
        encode(form, self._batch)

    def run(self, feed: Feed) -> bool:
        """Write to the next cohort, or to as many that stand apart; True when all are served."""
        if self._cohorts:
            cohort = self._cohorts.pop()
            size = len(cohort)  # a write may make one leave
            try:
                cohort.write(encode(cohort.form, self._batch), self.head)
            except Exception as error:  # noqa: BLE001 - reported by it
                # They lack what the others have now: they must not continue from there.
                cohort.failed(error)
            else:
                feed.metrics.delivered(size, len(self._batch))
        else:
            readers, self._apart = self._apart[: self._most], self._apart[self._most :]
            for reader in readers:
                # It may have filled up, or gone, since the pass began.
                if reader.session.state is State.LIVE and reader.feed is feed:
                    alone(reader, partial(self._serve, reader, feed))
            if self._served:
                feed.metrics.delivered(self._served, len(self._batch))
                self._served = 0
        return not self._cohorts and not self._apart

    def _serve(self, reader: Reader, feed: Feed) -> None:
        """Give a reader that no cohort takes what it lacks."""
        session = reader.session
        cursor = reader.cursor
        is_stored = self.head != self._base
        if is_stored and (cursor != self._base or (self._terminal and session.may_end)):
            # It joined between two events of the batch, or one may be its last.
            if cursor < feed.tail.head:
                reader.resume()
            return
        if is_stored:
            session.move_to(self.head)
        reader.writer.write(encode(reader.writer.form, self._batch))
        self._served += 1
        reader.rejoin()
