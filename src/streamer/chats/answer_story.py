"""One answer, as one reader is told of it: from its beginning to its end; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..events.answer import (
    ENDS,
    PARTS,
    RESET,
    SEGMENT,
    START,
    WHOLES,
    Part,
    Told,
    parts_of,
    told_of,
)
from ..events.answer_fold import AnswerFold
from ..events.answer_place import Place
from ..events.event import Event
from ..events.json_line import encode_line


class AnswerStory:
    """What a reader of one answer is written, wherever it comes in and however it falls behind.

    Events are handed on as they are, so that what they look like on a wire follows from each
    alone: an attempt begins with ``ai_start`` or ``ai_reset``, pieces follow. Where a whole has
    taken the place of pieces that this reader has not had, the rest is said in their place.

    Args:
        answer: its name; None: the first that answers `reply_to`.
        reply_to: the id of the message that it answers.
        begun: what the reader has been told of it already; None: nothing.

    Attributes:
        is_over: whether its end was told.
        is_broken: whether it cannot be told on: some of it is missing.
    """

    def __init__(
        self,
        answer: str | None,
        reply_to: str | None = None,
        begun: AnswerFold | None = None,
    ) -> None:
        self.is_over = False
        self.is_broken = False
        self._answer = answer
        self._reply_to: Final = reply_to
        self._has_begun = begun is not None
        self._attempt = 1 if begun is None else begun.attempt
        self._lasting = 0
        self._place = Place()
        if begun is not None:
            self._place = Place(begun.segment, begun.of_segment())
            self._count_lasting(begun.parts() or ())

    def take(self, event: Event) -> Sequence[Event]:
        """What is written of the next event of the conversation."""
        told = told_of(event)
        if told is None or self.is_over or not self._is_mine(told):
            return ()
        if told.attempt < self._attempt:
            return ()
        before = self._begin(event, told)
        if event.type in (START, RESET):
            return before
        parts = parts_of(event.type, told)
        if event.type in WHOLES:
            return [*before, *self._take_whole(event, told, parts)]
        if told.segment != self._place.segment:
            self.is_broken = True
            return before
        for part in parts:
            self._place.take(part)
        self._count_lasting(parts)
        return [*before, event]

    def _is_mine(self, told: Told) -> bool:
        if self._answer is None and told.reply_to == self._reply_to:
            self._answer = told.answer
        return told.answer == self._answer

    def _begin(self, event: Event, told: Told) -> list[Event]:
        """What is written before anything of this attempt, if that begins now."""
        if told.attempt == self._attempt and self._has_begun:
            return []
        is_first, self._has_begun = not self._has_begun, True
        self._attempt = told.attempt
        self._place = Place()
        lasting, self._lasting = self._lasting, 0
        if is_first:
            return [_event(event, START, told)]
        # Of a client that can take back the last step alone.
        self.is_broken = self.is_broken or lasting > 0
        return [_event(event, RESET, told)]

    def _take_whole(self, event: Event, told: Told, parts: list[Part]) -> list[Event]:
        said: list[Event] = []
        # One that failed before it could say anything names no segment.
        says_all = bool(parts) or event.type not in ENDS or told.message is not None
        if says_all and told.segment != self._place.segment:
            self.is_broken = True
            return said
        rest = self._place.rest(parts)
        if rest:
            self._count_lasting(rest)
            said.append(_event(event, PARTS, told, parts=rest, segment=told.segment))
        if event.type == SEGMENT:
            self._place = Place(told.segment + 1)
            return said
        self.is_over = True
        return [*said, event]

    def _count_lasting(self, parts: Sequence[Part]) -> None:
        """Count what a client cannot take back: another step, and what is said of the message."""
        self._lasting += sum(part["type"] in ("step", "metadata") for part in parts)


def _event(cause: Event, event_type: str, told: Told, **fields: Any) -> Event:  # noqa: ANN401
    """An event that says what `cause` means to this reader, at its place."""
    if cause.type == event_type and not fields:
        return cause
    of_answer = {"answer": told.answer, "attempt": told.attempt, "reply_to": told.reply_to}
    return Event(cause.id, event_type, cause.topics, encode_line({**of_answer, **fields}))
