"""What one reader has been given of each of its topics."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

import msgspec

from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event
from ..events.page import Gap


class Seen:
    """Where each topic of a reader begins, and what was lost of it since.

    An event of several topics reaches a reader once, by whichever of them it has
    first. So whoever adds a topic needs to know which of its events came already,
    and which did not though they stand between others that did: those that were
    lost by one topic, and are kept by another.

    Args:
        topics: the topics that are read.
        begin: the position after which all of them are given.
        max_losses: gaps remembered; the oldest are forgotten first.
    """

    __slots__ = ("_begin", "_lost", "_max_losses", "_parted", "_topics")

    def __init__(self, topics: Collection[str], begin: Cursor, max_losses: int) -> None:
        # Nearly all topics of nearly all readers begin where the reader does.
        self._topics = topics
        self._begin = begin
        self._parted: Mapping[str, Cursor] | None = None
        self._lost: deque[Gap] | None = None
        self._max_losses = max_losses

    @property
    def _begins(self) -> Mapping[str, Cursor]:
        if self._parted is None:
            return dict.fromkeys(self._topics, self._begin)
        return self._parted

    def change(self, topics: Collection[str], begin: Cursor) -> None:
        """Read `topics` from now on; those that are new begin after `begin`."""
        begins = self._begins
        self._parted = {topic: begins.get(topic, begin) for topic in topics}

    def begins(self, topic: str) -> Cursor:
        """The position after which `topic` is given to the reader."""
        return self._begins[topic]

    def begin(self, topic: str, after: Cursor) -> None:
        """Let `topic` begin after `after`."""
        self._parted = {**self._begins, topic: after}

    @property
    def ahead(self) -> Cursor:
        """Where the last of the topics begins: up to here, some have been given already."""
        return self._begin if self._parted is None else max(self._parted.values())

    def beyond(self, cursor: Cursor) -> list[str]:
        """The topics that begin after `cursor`."""
        if self.ahead <= cursor:
            return []
        return [topic for topic, begin in self._begins.items() if begin > cursor]

    def wants(self, event: Event) -> bool:
        """Whether one of the topics of `event` begins before it."""
        begins = self._begins
        return event.id is None or any(
            topic in begins and event.id > begins[topic] for topic in event.topics
        )

    def has(self, event: Event) -> bool:
        """Whether `event`, which is no newer than the reader's cursor, has been given."""
        begins, id_ = self._begins, event.id
        return id_ is not None and any(
            topic in begins and id_ > begins[topic] and not self._has_lost(topic, id_)
            for topic in event.topics
        )

    def lose(self, gaps: Sequence[Gap]) -> None:
        """Remember that the reader was not given what `gaps` say."""
        for gap in gaps:
            if gap.until <= gap.after:  # the log went back: what it will say comes after that
                self._parted = {t: min(begin, gap.until) for t, begin in self._begins.items()}
                continue
            if self._lost is None:
                self._lost = deque(maxlen=self._max_losses)
            self._lost.append(gap)

    def unreported(self, gaps: Sequence[Gap]) -> tuple[Gap, ...]:
        """What of `gaps` is a loss to this reader, and not what it never had to be given.

        A topic that begins after a gap had what was lost; one that begins at the
        origin takes what there is.
        """
        found: list[Gap] = []
        for gap in gaps:
            if gap.until <= gap.after:
                found.append(gap)
                continue
            named = self._begins if gap.topic is None else (gap.topic,)
            begins = {topic: self._begins.get(topic, gap.after) for topic in named}
            lost: dict[str | None, Cursor] = {
                topic: begin for topic, begin in begins.items() if ORIGIN < begin < gap.until
            }
            if len(lost) == len(self._begins):  # of all of them: one gap says it
                lost = {gap.topic: min(lost.values())}
            found += [
                msgspec.structs.replace(gap, topic=topic, after=max(begin, gap.after))
                for topic, begin in lost.items()
            ]
        return tuple(found)

    def _has_lost(self, topic: str, id_: Cursor) -> bool:
        return self._lost is not None and any(
            gap.after < id_ <= gap.until and gap.topic in {None, topic} for gap in self._lost
        )
