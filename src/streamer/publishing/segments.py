"""How an answer is cut: into parts, as it is said, and segments, of which each has an event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypedDict

import msgspec

from ..errors import EventTooLarge, InvalidFields
from ..events.answer import FIRST_TEXT, Part, Parts, is_kept, key_of, text_part
from ..events.json_line import encode_line
from ..events.new_event import NewEvent, check_depth
from .answer_events import AnswerEvents, size_of

#: Segments of one answer, at most: some 5 MB, a million tokens. Whatever says more is not
#: going to stop.
MAX_SEGMENTS: Final = 100
#: Bytes that a segment must have left for another piece of a text to begin in it.
_LEAST: Final = 512


class Piece:
    """What is said and goes into one event: a piece of the text, or other parts.

    Attributes:
        segment: which segment it is of, counted from 1.
        is_text: whether it is plain text.
    """

    __slots__ = ("_first", "_parts", "_texts", "is_text", "segment")

    def __init__(self, segment: int, part: Part) -> None:
        self.segment = segment
        self.is_text: bool = part["type"] == "text"
        self._first = part
        self._texts = [part["text"]] if self.is_text else []
        self._parts = None if self.is_text else Parts([part])

    @property
    def text(self) -> str:
        """What is said of the text."""
        return "".join(self._texts)

    def takes(self, other: Piece) -> bool:
        """Whether `other`, which follows, is said with it; then it is."""
        if other.segment != self.segment:
            return False
        if self.is_text and other.is_text and "opens" not in other._first:
            self._texts += other._texts
            return True
        # What is of the moment is in no segment: it has an event of its own.
        if not (self._parts and other._parts):
            return False
        for part in other.parts():
            self._parts.add(part)
        return True

    def parts(self) -> list[Part]:
        """What is said, in order."""
        if self.is_text:
            return [{**self._first, "text": self.text}]
        return self._parts.all() if self._parts else [self._first]


class Whole(TypedDict):
    """What the event that ends an answer says of its last segment: as `AnswerEvents` has it."""

    segment: int
    is_plain: bool


class Segments:
    """One attempt at an answer: which part and which segment what is said belongs to.

    A segment is what one event has room for: a full one is closed by an event that says all of
    it. A text continues in the next one; whatever else is said is in one of them.
    """

    def __init__(self, events: AnswerEvents) -> None:
        self._events: Final = events
        self._room: Final = events.room
        self._left = MAX_SEGMENTS * self._room
        self._segment = 1
        self._parts = Parts()
        self._number = 0
        # Whether a text or reasoning is being said, and its name.
        self._open: str | None = None
        self._name = ""
        # Tools of whose input something was said.
        self._calls: set[str] = set()
        # And of whose input all was.
        self._called: set[str] = set()
        # Whether nothing but one text was said in the whole answer.
        self._is_plain = True
        # Bytes of the segment: of its text, and of its parts by what they are replaced by.
        self._text_bytes = 0
        self._part_bytes = 0
        self._sizes: dict[str, int] = {}

    def say(self, text: str, kind: str, tool_call: Part | None) -> Iterator[Piece | NewEvent]:
        """Say more of a text; yield it, cut where a segment is full, and what closes that.

        Raises:
            EventTooLarge: there is no room for all of it; what was yielded is said.
            InvalidFields: it is no text, or all of that tool's input was said.
        """
        size = size_of(text)
        if text and self._open not in (None, kind if tool_call is None else ""):
            yield from self.end()
        while text:
            part = self._part_of(kind, tool_call)
            is_plain = self._is_plain and part.get("part") == FIRST_TEXT
            # In a segment that is not plain a text stands twice.
            times = 2 if kind == "text" and not is_plain else 1
            overhead = 0 if self._parts.has(part) else size_of(part)
            least = min(_LEAST, times * size)
            if self._left - overhead < least:
                self._refuse()
            left = self._room - self._used(is_plain=is_plain) - overhead
            if left < least:
                self._refuse_if_last()
                yield self._close()
                continue
            cut = _cut(text, size, min(left, self._left - overhead) // times)
            part["text"], text = text[:cut], text[cut:]
            said, size = (size_of(part["text"]), size_of(text)) if text else (size, 0)
            self._is_plain = is_plain
            self._left -= times * said + overhead
            self._begin(part)
            self._add(part, said, overhead)
            yield Piece(self._segment, part)

    def say_part(self, part: Part) -> Iterator[Piece | NewEvent]:
        """Say something else; yield what closes a full segment, and then it.

        Raises:
            EventTooLarge: it does not fit into a segment, or the answer has no more.
            InvalidFields: it cannot be expressed in JSON, or is nested too deep.
        """
        part = _taken(part)
        size = size_of(part) + 1
        if size > self._room:
            raise EventTooLarge(
                f"a part of the type {part['type']!r} has {size} bytes; at most {self._room} fit "
                "into one event. Say where large data is, not the data"
            )
        if size > self._left:
            self._refuse()
        if not is_kept(part):
            self._left -= size
            yield Piece(self._segment, part)
            return
        yield from self.end()
        yield from self._say_whole(part, size)
        if part["type"] == "tool_call":
            self._called.add(part["tool_call"])

    def end(self) -> Iterator[Piece | NewEvent]:
        """Say that the text or the reasoning that is being said ends; that is never refused."""
        if self._open is not None:
            part = {"type": "end", "part": self._name}
            self._open = None
            yield from self._say_whole(part, size_of(part) + 1)

    def last(self) -> tuple[list[Part], Whole]:
        """What the last segment said, and what its event says of it."""
        return self._parts.all(), Whole(segment=self._segment, is_plain=self._is_plain)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but one text was said."""
        return self._is_plain

    def _say_whole(self, part: Part, size: int) -> Iterator[Piece | NewEvent]:
        replaced = self._sizes.get(key_of(part) or "", 0)
        if self._used(is_plain=False) + size - replaced > self._room:
            if part["type"] != "end":
                self._refuse_if_last()
            yield self._close()
        self._is_plain = False
        self._left -= size
        self._add(part, 0, size)
        yield Piece(self._segment, part)

    def _part_of(self, kind: str, tool_call: Part | None) -> Part:
        """The part that a text continues, or begins, still without it."""
        if tool_call is not None:
            if tool_call["tool_call"] in self._called:
                raise InvalidFields(f"all of the input of {tool_call['tool_call']!r:.80} was said")
            if tool_call["tool_call"] not in self._calls:
                return {"type": kind, **_taken(tool_call), "text": "", "opens": True}
            named = {name: tool_call[name] for name in ("tool_call", "tool")}
            return {"type": kind, **named, "text": ""}
        if self._open == kind:
            return text_part(kind, self._name, "")
        return text_part(kind, f"{kind}-{self._number + 1}", "", opens=True)

    def _begin(self, part: Part) -> None:
        """Have `part` be said, unless it is already."""
        if part["type"] == "tool_input":
            self._calls.add(part["tool_call"])
        elif "opens" in part:
            self._number += 1
            self._open, self._name = part["type"], part["part"]

    def _add(self, part: Part, text_bytes: int, part_bytes: int) -> None:
        key = key_of(part)
        self._parts.add(part)
        if part["type"] == "text":
            self._text_bytes += text_bytes
        self._part_bytes += text_bytes + part_bytes
        if key is not None and not text_bytes:
            self._part_bytes -= self._sizes.get(key, 0)
            self._sizes[key] = part_bytes

    def _used(self, *, is_plain: bool) -> int:
        """Bytes that the segment's event has, or would have."""
        return self._text_bytes + (0 if is_plain else self._part_bytes)

    def _refuse_if_last(self) -> None:
        if self._segment == MAX_SEGMENTS:
            self._refuse()

    def _refuse(self) -> None:
        raise EventTooLarge(
            f"the answer would be too long: it may have {MAX_SEGMENTS} segments of {self._room} "
            "bytes"
        )

    def _close(self) -> NewEvent:
        whole = self._events.segment(self._parts.all(), self._segment, is_plain=self._is_plain)
        self._segment += 1
        self._parts = Parts()
        self._text_bytes = self._part_bytes = 0
        self._sizes = {}
        return whole


def _taken(part: Part) -> Part:
    """A copy of `part` as JSON has it: whoever said it may change what it has."""
    check_depth({"parts": [part]})
    taken: Part = msgspec.json.decode(encode_line(part))
    return taken


def _cut(text: str, size: int, room: int) -> int:
    """How many characters of `text`, which has `size` bytes in JSON, fit into `room` bytes."""
    count = len(text)
    while size > room:
        # All of them as long as they are on average, and then fewer.
        count = min(count - 1, count * room // size)
        size = size_of(text[:count])
    return count
