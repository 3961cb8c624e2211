"""The oracle: what one client has received, checked frame by frame, and at the end whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.topic import job_of


@dataclass(frozen=True)
class Published:
    """What a publisher knows of one event that the log took."""

    id: Cursor
    topics: tuple[str, ...]
    type: str
    number: int
    terminal: bool
    #: The progress of its job once it has happened; None if it changes none.
    progress: float | None

    @property
    def job_id(self) -> str:
        return next(filter(None, map(job_of, self.topics)), "")

    def job(self, topic: str) -> str:
        """Which of the jobs of `topic` it is of; on a job's own topic there is one."""
        return "" if job_of(topic) else self.job_id


@dataclass
class Record:
    """Every event that was ever published, in the order of ids."""

    events: list[Published] = field(default_factory=list)
    ephemeral: dict[int, str] = field(default_factory=dict)
    #: Topics that were deleted, each with the id of that, in the order of ids.
    deletions: list[tuple[str, Cursor]] = field(default_factory=list)

    def began(self, topic: str, at: Cursor) -> Cursor:
        """Where what `topic` is at `at` begins: at its last deletion before."""
        return max(
            (id_ for name, id_ in self.deletions if name == topic and id_ <= at), default=ORIGIN
        )

    def find(self, id_: Cursor) -> Published | None:
        return next((event for event in self.events if event.id == id_), None)

    def numbered(self, number: int) -> Published | None:
        return next((event for event in self.events if event.number == number), None)

    def between(self, topic: str, after: Cursor, until: Cursor | None) -> list[Published]:
        return [
            event
            for event in self.events
            if topic in event.topics and event.id > after and (until is None or event.id <= until)
        ]

    def newest(self, topics: Iterable[str]) -> Cursor:
        """The id of the last event or deletion of any of `topics`."""
        asked = set(topics)
        events = (event.id for event in reversed(self.events) if asked & set(event.topics))
        deletions = (id_ for topic, id_ in reversed(self.deletions) if topic in asked)
        return max(next(events, ORIGIN), next(deletions, ORIGIN))

    def progress(self, topic: str, at: Cursor) -> float | None:
        """The mean of the jobs since none was running; an end counts as 1.0, a second is none."""
        running: dict[str, float] = {}
        over: set[str] = set()
        ended = 0
        for event in self.between(topic, self.began(topic, at), at):
            if event.progress is None:
                continue
            name = event.job(topic)
            if event.terminal and name not in over:
                ended = ended + 1 if running else 1
                over.add(name)
            elif not event.terminal:
                ended = ended if running else 0
                over.discard(name)
                running[name] = event.progress
            if event.terminal:
                running.pop(name, None)
        total = ended + len(running)
        if total == 1:
            return next(iter(running.values()), 1.0)
        # In whole thousandths, which every progress here is of; a half is rounded upwards.
        thousandths = 1000 * ended + sum(round(1000 * value) for value in running.values())
        return (20 * thousandths // total + 1) // 2 / 10_000 if total else None

    def is_over(self, topic: str, at: Cursor) -> bool:
        """Whether all jobs of `topic` up to `at` had come to their end."""
        last = {
            event.job(topic): event.terminal
            for event in self.between(topic, self.began(topic, at), at)
            if event.progress is not None
        }
        return bool(last) and all(last.values())


@dataclass
class Span:
    """A stretch of one topic that a client is owed: after `start`, up to `stop`."""

    topic: str
    start: Cursor
    stop: Cursor | None = None
    #: What it missed of a topic that it added; owed while its connection lives.
    backfill: bool = False
    owed: bool = True

    def holds(self, event: Published) -> bool:
        return (
            self.topic in event.topics
            and event.id > self.start
            and (self.stop is None or event.id <= self.stop)
        )


@dataclass(frozen=True)
class Lost:
    """A gap that the client was told of."""

    topic: str | None
    after: Cursor
    until: Cursor

    def excuses(self, event: Published) -> bool:
        return self.after < event.id <= self.until and (
            self.topic is None or self.topic in event.topics
        )


class Oracle:
    """Judges what one client receives over all of its connections.

    Args:
        record: what was published; it grows while the client reads.
        topics: what it asked for.
        until_end: it asked to be ended by the first terminal event.
        is_throttled: it asked for so many batches a second. Then a progress that it is not
            given counts as received by a newer one that says the same and more, or as lost
            with that; and pieces of an answer that follow one another may come as one.
    """

    def __init__(
        self,
        record: Record,
        topics: Sequence[str],
        *,
        until_end: bool,
        is_throttled: bool = False,
    ) -> None:
        self.record = record
        self.topics = tuple(topics)
        self.until_end = until_end
        self.is_throttled = is_throttled
        self.cursor: Cursor | None = None
        self.spans: list[Span] = []
        self.received: dict[Cursor, Published] = {}
        self.ephemeral: set[int] = set()
        self.gaps: list[Lost] = []
        self.ended = False
        self._connected = False
        self._caught_up = 0
        self._terminal = False  # one came on this connection

    # A connection

    def connect(self) -> None:
        """A new connection begins."""
        self._connected = False
        self._caught_up = 0
        self._terminal = False

    def disconnect(self) -> None:
        """The connection is over; a backfill that was under way is nobody's any more."""
        for span in self.spans:
            span.owed = span.owed and not span.backfill
        self._connected = False

    def see(self, frame: dict[str, Any], session_cursor: Cursor) -> None:
        """Judge one frame; `session_cursor` is where the session stood when it was written."""
        assert not self.ended, f"after the end came {frame}"
        kind = frame["type"]
        if not self._connected:
            assert kind == "connected", f"first came {frame}"
            self._see_connected(frame)
        elif "code" in frame or kind == "pong":
            pass  # replies
        elif kind == "caught_up":
            self._caught_up += 1
            assert self._caught_up == 1, "caught up twice"
            self._see_caught_up(Cursor.parse(frame["cursor"]))
        elif kind == "gap":
            self._see_gap(frame)
        elif kind == "end":
            self._see_end(frame)
        elif kind == "subscribed":
            self.topics = tuple(frame["topics"])
            # From where it stood, or from what it had of the topic, if that is more.
            had = ORIGIN if frame.get("after") is None else Cursor.parse(frame["after"])
            self.spans.append(Span(frame["topic"], max(session_cursor, had)))
        elif kind == "unsubscribed":
            self.topics = tuple(frame["topics"])
            for span in self.spans:
                if span.topic == frame["topic"]:
                    span.owed = span.owed and not span.backfill
                    span.stop = session_cursor if span.stop is None else span.stop
        else:
            self._see_event(frame)

    def expect_backfill(self, topic: str, after: Cursor, until: Cursor) -> None:
        """The client asked for what it missed of `topic`."""
        self.spans.append(Span(topic, after, until, backfill=True))

    @property
    def is_caught_up(self) -> bool:
        return self._caught_up == 1

    def _see_connected(self, frame: dict[str, Any]) -> None:
        self._connected = True
        cursor = Cursor.parse(frame["cursor"])
        if self.cursor is None:
            self.spans = [Span(topic, cursor) for topic in self.topics]
            self.cursor = cursor
        else:
            assert frame["resumed"], frame
            assert cursor == self.cursor, f"resumed at {cursor}, not at {self.cursor}"
            for span in self.spans:
                if span.stop is None and not span.backfill:
                    # It has one cursor now for all of its topics.
                    span.start = min(span.start, cursor)
            if cursor == ORIGIN:  # it had received nothing yet: it begins anew
                self.spans = [Span(topic, cursor) for topic in self.topics]
        snapshots = frame.get("snapshots") or {frame.get("topic"): frame.get("snapshot")}
        assert set(snapshots) == set(self.topics), frame
        for topic, snapshot in snapshots.items():
            at = Cursor.parse(snapshot["cursor"])
            stands = self.record.progress(topic, at)
            assert snapshot["progress"] == stands, (
                f"the snapshot of {topic} at {at} says {snapshot['progress']}, not {stands}"
            )
            if not frame["resumed"] and cursor != ORIGIN and self.received == {}:
                self.snapshot_at = at

    def _see_caught_up(self, cursor: Cursor) -> None:
        """All there was has been given: whatever is published from here on is owed."""
        assert self.cursor is not None
        assert cursor >= self.cursor
        self.cursor = cursor
        had = {topic for event in self.received.values() for topic in event.topics}
        for span in self.spans:
            if span.start == ORIGIN and span.topic not in had:
                span.start = cursor

    def _see_event(self, frame: dict[str, Any]) -> None:
        assert self.cursor is not None
        if "id" not in frame:
            topic = self.record.ephemeral[frame["number"]]
            assert frame["topic"] == topic, frame
            assert topic in self.topics, f"{frame} is of no topic of {self.topics}"
            assert frame["number"] not in self.ephemeral, f"twice: {frame}"
            self.ephemeral.add(frame["number"])
            return
        id_ = Cursor.parse(frame["id"])
        event = self.record.find(id_)
        assert event is not None, f"never published: {frame}"
        assert (event.type, event.topics[0]) == (frame["type"], frame["topic"]), frame
        for before in self._joined(frame, event):
            self._receive(before, frame)
        self._receive(event, frame)
        self._terminal = self._terminal or event.terminal
        self.cursor = max(self.cursor, id_)

    def _joined(self, frame: dict[str, Any], event: Published) -> list[Published]:
        """The pieces before the last that one frame has, if it may have any."""
        if "number" in frame:
            assert frame["number"] == event.number, frame
            return []
        *others, last = [int(piece) for piece in frame["chunk"].split(";")[:-1]]
        assert last == event.number, frame
        assert self.is_throttled or not others, f"joined: {frame}"
        pieces = [self.record.numbered(number) for number in others]
        found = [piece for piece in pieces if piece is not None]
        assert len(found) == len(others), f"never published: {frame}"
        assert all((one.type, one.topics) == (event.type, event.topics) for one in found), frame
        ids = [one.id for one in [*found, event]]
        assert ids == sorted(set(ids)), f"out of order within: {frame}"
        return found

    def _receive(self, event: Published, frame: dict[str, Any]) -> None:
        assert self.cursor is not None
        id_ = event.id
        assert set(event.topics) & set(self.topics), f"{frame} is of no topic of {self.topics}"
        assert any(span.holds(event) for span in self.spans), f"had already: {frame}"
        if id_ in self.received:
            # Asked for anew, by a topic that was added, after the one that it came by was left.
            left = {span.topic for span in self.spans if span.stop is not None}
            assert left & set(event.topics), f"twice: {frame}"
        if id_ <= self.cursor:
            assert any(span.backfill and span.holds(event) for span in self.spans), (
                f"out of order: {frame} after {self.cursor}"
            )
        self.received[id_] = event

    def _see_gap(self, frame: dict[str, Any]) -> None:
        assert self.cursor is not None
        gap = Lost(frame["topic"], Cursor.parse(frame["after"]), Cursor.parse(frame["until"]))
        assert gap.until > gap.after, frame
        assert gap.topic is None or gap.topic in self.topics, frame
        cursor = Cursor.parse(frame["cursor"])
        if not any(span.backfill and span.topic == gap.topic for span in self.spans):
            assert gap.after >= self.cursor, f"{frame} at {self.cursor}"
            # Behind all that is told of, or where it stood if an older event is to come.
            ends = [gap.until, *(other.until for other in self.gaps)]
            assert self.cursor <= cursor <= max(ends), frame
        self.gaps.append(gap)
        self.cursor = max(self.cursor, cursor)

    def _see_end(self, frame: dict[str, Any]) -> None:
        assert self.until_end, frame
        self.ended = True
        last = list(self.received.values())[-1:]
        if not (last and last[0].terminal):
            # Ended without a terminal event: a first visit to what was over already.
            assert not self.received
            assert self.record.is_over(self.topics[0], self.snapshot_at), frame

    # In the end

    def judge(self, kept: dict[str, set[Cursor]]) -> None:
        """Compare with what was published; `kept` is what the log still has, by topic."""
        assert self.cursor is not None
        removed = {
            (topic, event.id)
            for event in self.record.events
            for topic in event.topics
            if event.id not in kept[topic]
        }
        for span in self.spans:
            if span.owed:
                self._judge_span(span, removed)
        several = len({span.topic for span in self.spans}) > 1
        for gap in self.gaps:
            # Exact for a reader of one topic. Of several, a loss that reaches beyond a page
            # is told in parts, the first of which may hold nothing itself, and the log,
            # which knows only the last event it removed of a topic, cannot say that none
            # was lost before it when that one came by another topic.
            assert any(
                event.id > gap.after
                and (gap.topic is None or gap.topic in event.topics)
                and (several or gap.excuses(event))
                and (several or event.id not in self.received)
                and any((topic, event.id) in removed for topic in event.topics)
                for event in self.record.events
            ) or any(
                id_ > gap.after and gap.topic in {None, topic} and (several or id_ <= gap.until)
                for topic, id_ in self.record.deletions
            ), f"a gap where nothing was lost: {gap}"
        assert self.ended or not (self.until_end and self._terminal), "no end after the terminal"

    def _is_said(self, event: Published) -> bool:
        """Whether it was left out for a newer one, which came, or was lost and reported."""
        return (
            self.is_throttled
            and event.type == "progress"
            and any(
                newer.id in self.received or any(gap.excuses(newer) for gap in self.gaps)
                for newer in self._newer(event)
            )
        )

    def _newer(self, event: Published) -> Iterator[Published]:
        """The progress that says all that `event` says: of its job, on its topics.

        Up to whatever else the client reads of the job: what it says may have changed that.
        """
        for other in self.record.events[self.record.events.index(event) + 1 :]:
            if other.progress is None or other.job_id != event.job_id:
                continue
            if other.type != "progress" and any(span.holds(other) for span in self.spans):
                break
            if other.type == "progress" and other.topics == event.topics:
                yield other

    def _judge_span(self, span: Span, removed: set[tuple[str, Cursor]]) -> None:
        owed = self.record.between(span.topic, span.start, span.stop)
        if self.ended:
            assert self.cursor is not None
            owed = [event for event in owed if event.id <= self.cursor]
            if not self.received:
                owed = []
        # From the origin, what was removed before the first page was read is no loss. An
        # event that came by another topic too says nothing of where this one began.
        own = [e.id for e in self.received.values() if set(e.topics) == {span.topic}]
        began = span.start if span.start != ORIGIN else min(own, default=None)
        self._judge_deletions(span, began)
        for event in owed:
            if event.id in self.received or self._is_said(event):
                continue
            assert (span.topic, event.id) in removed, f"missing, though the log has it: {event}"
            from_origin = began is None or event.id < began
            assert from_origin or any(gap.excuses(event) for gap in self.gaps), (
                f"missing, and no gap says so: {event}"
            )

    def _judge_deletions(self, span: Span, began: Cursor | None) -> None:
        """Whoever reads a topic that is deleted is told, also if it had all of it.

        `began` is from where on it had any of it, None if it never had.
        """
        if began is None or self.ended:
            return
        for topic, id_ in self.record.deletions:
            is_within = began < id_ and (span.stop is None or id_ <= span.stop)
            if topic == span.topic and is_within:
                assert any(
                    gap.after < id_ <= gap.until and gap.topic in {None, topic} for gap in self.gaps
                ), f"{topic} was deleted at {id_}, and no gap says so"


def ids_of_topics(record: Record, topics: Iterable[str]) -> list[Cursor]:
    """The ids of all events of `topics`, in order."""
    wanted = set(topics)
    return [event.id for event in record.events if wanted & set(event.topics)]
