"""The events of a recording: begun, frames, ended; told once over all attempts; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from ...events.new_event import MAX_EVENT_BYTES, NewEvent, frame_size, new_event
from ...events.trace import Trace
from ...publishing.answer_events import size_of
from .frames import Frame

#: An attempt at it begins.
BEGUN: Final = "begun"
#: Frames of it, in order; one that is too large for an event is in several, as parts.
FRAMES: Final = "frames"
#: The server would not have it: there are no frames.
REFUSED: Final = "declined"
#: There are no more frames.
ENDED: Final = "ended"

#: How a recording ended: with the stream's own end, or before it.
Status = Literal["completed", "failed", "cancelled"]

#: Bytes of a frame's place in an event, beside its name and its data.
_AROUND_FRAME: Final = 96
#: Bytes that one character may take in an event.
_CHARACTER: Final = 6
#: Characters of what went wrong, and of a refusal's body.
_ERROR_CHARACTERS: Final = 1000
_REFUSAL_CHARACTERS: Final = 4000


class RecordEvents(msgspec.Struct, frozen=True):
    """What one attempt at a recording publishes.

    All that report on it agree by idempotency keys: it ends once, and once the next attempt
    has begun, this one, which was thought dead, records nothing more.

    Attributes:
        topic: where it is recorded.
        attempt: counted from 1.
        max_bytes: largest SSE frame of one event.
        trace: what all of them carry.
    """

    topic: str
    attempt: int = 1
    max_bytes: int = MAX_EVENT_BYTES
    trace: Trace | None = None

    @property
    def end_key(self) -> str:
        """The key of its end, whoever reports it."""
        return f"recording:{self.topic}:end"

    def begun(self, model: str, created: int) -> NewEvent:
        """This attempt begins; what an earlier one still sends is not recorded any more.

        `created` is in seconds since 1970.
        """
        fields = {"attempt": self.attempt, "model": model, "created": created}
        return self._event(BEGUN, fields, key=self._attempt_key(self.attempt), unless=self._fence)

    def frames(self, frames: Iterable[Frame], upstream: str | None = None) -> list[NewEvent]:
        """`frames` in as few events as have room for them; `upstream` is the server's name of it.

        What is larger than an event is cut into parts, each in an event of its own.
        """
        room = self.max_bytes - frame_size(FRAMES, (self.topic,), b"{}") - 2 * _AROUND_FRAME
        room -= size_of(upstream or "")
        events: list[NewEvent] = []
        packed: list[dict[str, Any]] = []
        left = room
        for piece in _pieces(frames, room):
            size = _size(piece)
            if packed and size > left:
                events.append(self._frames(packed, upstream))
                packed, left = [], room
            packed.append(piece)
            left -= size
        return [*events, self._frames(packed, upstream)] if packed else events

    def refused(self, status: int, said: str, retry_after: str | None) -> NewEvent:
        """The server answered with `status`, and `said` why."""
        fields = {
            "status": status,
            "said": said[:_REFUSAL_CHARACTERS],
            "retry_after": retry_after,
        }
        return self._event(REFUSED, fields, key=self.end_key, unless=self._next)

    def ended(self, status: Status, reason: str | None = None, error: str = "") -> NewEvent:
        """It is over; `reason` is a word for why it is not whole, `error` a sentence."""
        fields = {"status": status, "reason": reason, "error": error[:_ERROR_CHARACTERS] or None}
        return self._event(ENDED, fields, key=self.end_key, unless=self._next)

    def _frames(self, packed: Sequence[dict[str, Any]], upstream: str | None) -> NewEvent:
        fields = {"frames": packed, "upstream": upstream}
        return self._event(FRAMES, fields, unless=self._fence)

    @property
    def _next(self) -> tuple[str, ...]:
        return (self._attempt_key(self.attempt + 1),)

    @property
    def _fence(self) -> tuple[str, ...]:
        return (self.end_key, *self._next)

    def _attempt_key(self, attempt: int) -> str:
        return f"recording:{self.topic}:attempt:{attempt}"

    def _event(
        self,
        event_type: str,
        fields: dict[str, Any],
        *,
        key: str | None = None,
        unless: tuple[str, ...],
    ) -> NewEvent:
        return new_event(
            self.topic,
            event_type,
            {name: value for name, value in fields.items() if value is not None},
            idempotency_key=key,
            unless=unless,
            trace=self.trace,
            max_bytes=self.max_bytes,
        )


def _size(piece: dict[str, Any]) -> int:
    return size_of(piece["data"]) + size_of(piece["event"]) + _AROUND_FRAME


def _pieces(frames: Iterable[Frame], room: int) -> Iterator[dict[str, Any]]:
    for frame in frames:
        piece = {"number": frame.number, "event": frame.name, "data": frame.data}
        if _size(piece) <= room:
            yield piece
            continue
        length = max(1, (room - _AROUND_FRAME - size_of(frame.name)) // _CHARACTER)
        starts = range(0, len(frame.data), length)
        for part, start in enumerate(starts):
            data = frame.data[start : start + length]
            yield {**piece, "data": data, "part": part, "more": part < len(starts) - 1}
