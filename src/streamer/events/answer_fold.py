"""One answer, as far as the events about it say it; pure."""

from __future__ import annotations

from typing import Final

from .answer import COMPLETE, FAILED, RESET, SEGMENT, START, WHOLES, Part, Parts, Told, parts_of
from .event import Event


class AnswerFold:
    """What an answer has said by now, of events in the order of the log.

    Attributes:
        answer: its name.
        reply_to: the id of the message that it answers, if it says so.
        attempt: which attempt speaks, counted from 1.
        segment: which segment is being said, counted from 1.
        end: the event that ended it; None while it has not ended.
        ended: what that event says.
        last: the last event that was of it.
        has_beginning: whether nothing of it was said before the first event.
    """

    def __init__(self, answer: str) -> None:
        self.answer: Final = answer
        self.reply_to: str | None = None
        self.attempt = 1
        self.segment = 1
        self.end: Event | None = None
        self.ended: Told | None = None
        self.last: Event | None = None
        self.has_beginning = False
        self._said: dict[int, Parts] = {}

    def take(self, event: Event, told: Told) -> None:
        """Take an event of this answer."""
        if self.end is not None or told.attempt < self.attempt:
            return
        if self.last is None:
            first = event.type in (START, RESET) or (event.type in WHOLES and told.segment == 1)
            self.has_beginning = first
        self.last = event
        self.reply_to = told.reply_to or self.reply_to
        if told.attempt > self.attempt or event.type == RESET:
            self.attempt, self.segment, self._said = told.attempt, 1, {}
        if event.type in WHOLES:
            self._take_whole(event, told)
        elif event.type not in (START, RESET):
            self.segment = max(self.segment, told.segment)
            said = self._said.setdefault(told.segment, Parts())
            for part in parts_of(event.type, told):
                said.add(part)

    def _take_whole(self, event: Event, told: Told) -> None:
        parts = parts_of(event.type, told)
        # One that failed before it could say anything names no segment.
        if parts or event.type != FAILED:
            self.segment = max(self.segment, told.segment)
            self._said[told.segment] = Parts(parts)
        if event.type == SEGMENT:
            self.segment = told.segment + 1
        else:
            self.end, self.ended = event, told

    @property
    def is_whole(self) -> bool:
        """Whether it is over, and all that it said is here."""
        over = self.end is not None and self.end.type == COMPLETE
        return over and self._has_all

    @property
    def _has_all(self) -> bool:
        """Whether no segment before the last is missing."""
        return all(number in self._said for number in range(1, self.segment))

    def parts(self) -> list[Part] | None:
        """All that was said, each part once; None if some of it is not kept any longer."""
        if not self._has_all:
            return None
        joined = Parts()
        for number in sorted(self._said):
            for part in self._said[number].all():
                joined.add(part)
        return joined.all()

    def of_segment(self) -> list[Part]:
        """What the segment at hand has said."""
        said = self._said.get(self.segment)
        return [] if said is None else said.all()
