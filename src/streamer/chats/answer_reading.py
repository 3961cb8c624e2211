"""One answer as one reader is told of it, in bits, wherever they come in; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from ..events.answer import TYPES, Part, Told
from ..events.answer_fold import AnswerFold
from ..events.answer_walk import Bit, Walk
from ..events.cursor import Cursor
from ..events.event import Event

#: Numbers of one attempt: more than an answer can have characters.
OF_ATTEMPT: Final = 100_000_000


def base_of(attempt: int) -> int:
    """What the numbers of an attempt, counted from 1, begin with."""
    return (attempt - 1) * OF_ATTEMPT


class Said(NamedTuple):
    """What is said more.

    Attributes:
        was_reset: what was said before is void.
        bits: what is said.
    """

    was_reset: bool
    bits: list[Bit]


class AnswerReading:
    """What one reader has been told of an answer.

    Args:
        found: what it has said by now.

    Attributes:
        answer: the answer, as it is by now.
    """

    def __init__(self, found: AnswerFold) -> None:
        self.answer: Final = found
        self._attempt = found.attempt
        self._walk = Walk()

    @property
    def base(self) -> int:
        """What the numbers of this attempt begin with."""
        return base_of(self._attempt)

    @property
    def position(self) -> int:
        """How much of this attempt was told."""
        return self._walk.position

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.answer.end is not None

    def take(self, bodies: Iterable[dict[str, Any]]) -> Said | None:
        """What events say more, of which any may be of something else.

        None: some of what it said is not kept any longer.
        """
        for body in bodies:
            if body.get("answer") == self.answer.answer and body["type"] in TYPES and "id" in body:
                event = Event(Cursor.parse(body["id"]), body["type"], (body["topic"],), b"{}")
                self.answer.take(event, msgspec.convert(body, Told, strict=False))
        return self.more()

    def more(self) -> Said | None:
        """What it has said beyond what was told; None as `take`."""
        parts = self.parts()
        if parts is None:
            return None
        was_reset = self.answer.attempt > self._attempt
        if was_reset:
            self._attempt, self._walk = self.answer.attempt, Walk()
        return Said(was_reset, list(self._walk.go(parts, is_over=self.is_over)))

    def parts(self) -> list[Part] | None:
        """All that it has said; None as `take`."""
        return self.answer.parts()
