"""The events of an answer: said in pieces, then whole, or failed; told once over all attempts."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from ..events.answer import (
    CHUNK,
    COMPLETE,
    FAILED,
    PARTS,
    RESET,
    SEGMENT,
    START,
    Part,
    text_of,
)
from ..events.json_line import encode_line
from ..events.new_event import MAX_EVENT_BYTES, NewEvent, frame_size, new_event
from ..events.trace import Trace

#: Why an answer is not whole: it failed, or somebody did not want it any more.
Reason = Literal["error", "cancelled"]

#: Characters of an error's text.
_ERROR_CHARACTERS: Final = 500
#: Bytes of the last event that are kept free for what is only known at the end: which model
#: it was, why it ended, what went wrong.
_RESERVED: Final = 128 + 64 + 6 * _ERROR_CHARACTERS


class AnswerEvents(msgspec.Struct, frozen=True):
    """What one attempt at an answer publishes; pure.

    All attempts agree by idempotency keys: the answer ends once, and once the next attempt
    has begun, this one, which was thought dead, says nothing more.

    Attributes:
        topic: where it is said.
        answer: its name, the same in all its attempts, and of no other answer.
        attempt: counted from 1.
        reply_to: the id of the message that is answered.
        max_bytes: largest SSE frame of one event.
        trace: what all of them carry.
    """

    topic: str
    answer: str
    attempt: int = 1
    reply_to: str | None = None
    max_bytes: int = MAX_EVENT_BYTES
    trace: Trace | None = None

    def begin(self) -> NewEvent:
        """The first event of the attempt: what those before it said is void."""
        if self.attempt > 1:
            return self._first(RESET, whole_of=self.answer)
        return self._first(START)

    def text(self, part: Part, segment: int) -> NewEvent:
        """A piece of the text."""
        fields = {"chunk": part["text"], "part": part["part"], "segment": segment}
        if "opens" in part:
            fields["opens"] = True
        return self._event(CHUNK, fields, part_of=self.answer, unless=self._fence)

    def parts(self, parts: list[Part], segment: int) -> NewEvent:
        """What else is said, in order."""
        fields = {"parts": parts, "segment": segment}
        return self._event(PARTS, fields, part_of=self.answer, unless=self._fence)

    def segment(self, parts: list[Part], number: int, *, is_plain: bool) -> NewEvent:
        """All that one segment said, counted from 1; its pieces go."""
        key = self._key(f"attempt:{self.attempt}:segment:{number}")
        fields = {**self._whole(parts, is_plain=is_plain), "segment": number}
        return self._event(SEGMENT, fields, whole_of=self.answer, key=key, unless=self._fence)

    def complete(
        self,
        parts: list[Part],
        model: str | None,
        finish_reason: str | None,
        *,
        segment: int = 1,
        is_plain: bool = True,
    ) -> NewEvent:
        """All that the last segment said: the answer is whole. Its pieces go."""
        fields = {
            **self._whole(parts, is_plain=is_plain),
            "is_user": False,
            "model": model,
            "finish_reason": finish_reason,
            "segment": segment,
        }
        return self._event(COMPLETE, fields, whole_of=self.answer, key=self._end, unless=self._next)

    def failed(
        self,
        error: str,
        reason: Reason,
        parts: list[Part] | None = None,
        *,
        segment: int | None = None,
        is_plain: bool = True,
    ) -> NewEvent:
        """No attempt is left; `parts` is what the last segment said. Its pieces go."""
        fields = {
            "error": error[:_ERROR_CHARACTERS],
            "reason": reason,
            **(self._whole(parts or [], is_plain=is_plain) if parts or not is_plain else {}),
            "is_user": False,
            "segment": segment,
        }
        return self._event(FAILED, fields, whole_of=self.answer, key=self._end, unless=self._next)

    @property
    def room(self) -> int:
        """Bytes that a segment may have, as JSON has them: one event has all of it."""
        empty = self.complete([], None, None, segment=99_999)
        return self.max_bytes - _RESERVED - frame_size(COMPLETE, (self.topic,), empty.fields)

    @staticmethod
    def _whole(parts: list[Part], *, is_plain: bool) -> dict[str, Any]:
        message = {"message": text_of(parts)}
        # What is nothing but text is said once.
        return message if is_plain else {**message, "parts": parts}

    @property
    def _end(self) -> str:
        return self._key("end")

    @property
    def _next(self) -> tuple[str, ...]:
        return (self._key(f"attempt:{self.attempt + 1}"),)

    @property
    def _fence(self) -> tuple[str, ...]:
        return (self._end, *self._next)

    def _key(self, what: str) -> str:
        return f"answer:{self.answer}:{what}"

    def _first(self, event_type: str, whole_of: str | None = None) -> NewEvent:
        key = self._key(f"attempt:{self.attempt}")
        return self._event(
            event_type, {}, part_of=self.answer, whole_of=whole_of, key=key, unless=self._fence
        )

    def _event(
        self,
        event_type: str,
        own: dict[str, Any],
        *,
        part_of: str | None = None,
        whole_of: str | None = None,
        key: str | None = None,
        unless: tuple[str, ...],
    ) -> NewEvent:
        fields = {
            "answer": self.answer,
            **{name: value for name, value in own.items() if value is not None},
            "attempt": self.attempt,
        }
        if self.reply_to is not None:
            fields["reply_to"] = self.reply_to
        return new_event(
            self.topic,
            event_type,
            fields,
            part_of=part_of,
            whole_of=whole_of,
            idempotency_key=key,
            unless=unless,
            trace=self.trace,
            max_bytes=self.max_bytes,
        )


def size_of(value: object) -> int:
    """Bytes that `value` takes in an event, without a text's quotes.

    Raises:
        InvalidFields: it is nothing that JSON can express.
    """
    return len(encode_line(value)) - (2 if isinstance(value, str) else 0)
