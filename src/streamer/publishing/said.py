"""What is said of an answer and not yet told: pieces are joined by time, and never dropped."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Final

from ..errors import LogUnavailable
from ..events.answer import Part
from ..events.new_event import NewEvent
from .answer_events import AnswerEvents, Reason
from .segments import Piece, Segments, Whole

#: Seconds between two chunks of an answer: a reader sees no steps, and a log no floods.
CHUNK_SECONDS: Final = 0.04
#: Chunks after which those that follow are twice as long: what a long answer keeps in the log
#: until it is whole grows no more than this for each doubling. At a chunk in 40 ms that is
#: after 40 s, then after another 80, and so on.
CHUNKS_BEFORE_LONGER: Final = 1000
#: Events of one answer that are told at once: other answers wait no longer for one that was
#: held up.
AT_ONCE: Final = 8


class Said:
    """One attempt at an answer, from whoever says it to whoever tells it; for several threads.

    Memory is bounded by the answer itself, which `Segments` bounds.

    Attributes:
        due: the moment, by the teller's clock, from which more may be told.
    """

    def __init__(self, events: AnswerEvents) -> None:
        self.events: Final = events
        self.due = 0.0
        self._lock: Final = threading.Lock()
        self._segments: Final = Segments(events)
        self._text: list[str] = []
        self._untold: deque[Piece | NewEvent] = deque()
        self._chunks = 0
        self._first: NewEvent | None = events.begin()
        # What an attempt before this one said is void at once.
        self._is_first_due = events.attempt > 1
        self._last: NewEvent | None = None
        self._done: Future[None] | None = None
        self._is_over = False

    @property
    def text(self) -> str:
        """All of the text that was said."""
        with self._lock:
            return "".join(self._text)

    def add(self, text: str, kind: str = "text", tool_call: Part | None = None) -> None:
        """Say more of a text, of reasoning, or of the input of a tool.

        Raises:
            InvalidFields: it is no text.
            EventTooLarge: the answer would be too long; what there was room for is said.
            ValueError: the answer is over.
        """
        with self._lock:
            self._refuse_if_over()
            for piece in self._segments.say(text, kind, tool_call):
                self._keep(piece)

    def add_part(self, part: Part) -> None:
        """Say something else.

        Raises:
            InvalidFields: it cannot be expressed in JSON.
            EventTooLarge: it does not fit into one event, or not into the answer; it is not said.
            ValueError: the answer is over.
        """
        with self._lock:
            self._refuse_if_over()
            for piece in self._segments.say_part(part):
                self._keep(piece)

    def complete(self, model: str | None, finish_reason: str | None) -> Future[None]:
        """Say nothing more: it is whole. Done when that is in the log."""
        with self._lock:
            parts, whole = self._ended()
            return self._end(self.events.complete(parts, model, finish_reason, **whole))

    def fail(self, error: str, reason: Reason) -> Future[None]:
        """Say nothing more: there will be no whole. Done when that is in the log."""
        with self._lock:
            parts, whole = self._ended()
            return self._end(self.events.failed(error, reason, parts, **whole))

    def abandon(self) -> None:
        """Say nothing more, and tell nothing more."""
        with self._lock:
            self._is_over = True
            self._first = self._last = None
            self._untold.clear()

    def give_up(self) -> None:
        """Let nobody wait for the end: nobody tells any more."""
        with self._lock:
            if self._done is not None and not self._done.done():
                self._done.set_exception(LogUnavailable("the publisher was closed"))

    def due_at(self, now: float) -> bool:
        """Whether something is to be told now."""
        with self._lock:
            return (
                self._is_first_due
                or self._last is not None
                or (bool(self._untold) and now >= self.due)
            )

    @property
    def is_over(self) -> bool:
        """Whether nothing more is said."""
        return self._is_over

    @property
    def has_more(self) -> bool:
        """Whether something is to be told, now or later."""
        with self._lock:
            return bool(self._is_first_due or self._untold or self._last)

    def take(self, now: float) -> tuple[list[NewEvent], Future[None] | None]:
        """What is to be told now, in order, `AT_ONCE` and an end at most; it is on its way then.

        With it, if that is the end, whom to tell that it is in the log.
        """
        with self._lock:
            taken = [] if self._first is None else [self._first]
            self._first, self._is_first_due = None, False
            before = len(taken)
            while self._untold and len(taken) < AT_ONCE:
                taken.append(self._event_of(self._untold.popleft()))
            if self._untold:
                return taken, None  # the rest at once
            if len(taken) > before:
                # Half a chunk sooner: a teller that looks every 40 ms may wake a moment early,
                # and must not wait for its next look then.
                longer = 2 ** (self._chunks // CHUNKS_BEFORE_LONGER)
                self.due = now + CHUNK_SECONDS * (longer - 0.5)
                self._chunks += 1
            last, self._last = self._last, None
            if last is None:
                return taken, None
            return [*taken, last], self._done

    def _ended(self) -> tuple[list[Part], Whole]:
        if not self._segments.is_plain:  # else its end is that of its text
            for piece in self._segments.end():
                self._keep(piece)
        return self._segments.last()

    def _refuse_if_over(self) -> None:
        if self._is_over:
            raise ValueError(f"the answer {self.events.answer!r} is over")

    def _keep(self, piece: Piece | NewEvent) -> None:
        if isinstance(piece, Piece):
            if piece.is_text:
                self._text.append(piece.text)
            last = self._untold[-1] if self._untold else None
            if isinstance(last, Piece) and last.takes(piece):
                return
        self._untold.append(piece)

    def _event_of(self, piece: Piece | NewEvent) -> NewEvent:
        if isinstance(piece, NewEvent):
            return piece
        [*parts] = piece.parts()
        if piece.is_text:
            return self.events.text(parts[0], piece.segment)
        return self.events.parts(parts, piece.segment)

    def _end(self, last: NewEvent) -> Future[None]:
        self._is_over = True
        self._last, self._done = last, Future()
        return self._done
