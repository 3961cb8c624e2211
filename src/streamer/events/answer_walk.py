"""The parts of an answer in bits, counted alike however they were said; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from .answer import Part

#: What opening and closing a part count for: so many frames a form may make of either. A
#: character counts for one, and so does whatever is neither opened nor closed.
EDGE: Final = 4

#: Said piece by piece, until something else is.
_TEXTS: Final = frozenset({"text", "reasoning"})
#: Said piece by piece, until they are whole.
_CALLS: Final = frozenset({"tool_input", "tool_call"})


class Bit(NamedTuple):
    """A bit of an answer.

    Attributes:
        kind: a part opens, or closes; more of its text; or something of one piece.
        part: as it is by now: of one that closes, all.
        text: of a text what is said more.
        start, end: how much of the answer is before it, and with it.
        is_new: not, if it says anew what was said at its place.
    """

    kind: Literal["open", "text", "close", "value"]
    part: Part
    text: str
    start: int
    end: int
    is_new: bool = True


class Walk:
    """How far one has come in the parts of an answer.

    Parts are walked through in order, each until it is whole. So what is counted up to any
    bit is the same for one who heard each piece, and for one who is given the whole: it is a
    number by which either can come back.

    Attributes:
        position: how much of the answer was walked through.
    """

    def __init__(self) -> None:
        self.position = 0
        self._place = 0
        self._is_open = False
        self._said = 0
        self._values: dict[int, Part] = {}

    def go(self, parts: Sequence[Part], *, is_over: bool) -> Iterator[Bit]:
        """Yield what there is of `parts` beyond the position, all of what was said by now.

        With what `is_over` nothing stays open.
        """
        for place, before in self._values.items():
            if parts[place] != before:
                self._values[place] = parts[place]
                yield Bit("value", parts[place], "", self.position, self.position, is_new=False)
        while self._place < len(parts):
            part, is_last = parts[self._place], self._place == len(parts) - 1
            kind = part.get("type")
            if kind in _TEXTS:
                yield from self._text(part)
                is_whole = is_over or not is_last
            elif kind in _CALLS:
                yield from self._open(part)
                is_whole = is_over or kind == "tool_call"
            else:
                self._values[self._place] = part
                yield self._bit("value", part, 1)
                is_whole = True
            if not is_whole:
                return
            if self._is_open:
                yield self._bit("close", part, EDGE)
            self._place, self._is_open, self._said = self._place + 1, False, 0

    def _open(self, part: Part) -> Iterator[Bit]:
        if not self._is_open:
            self._is_open = True
            yield self._bit("open", part, EDGE)

    def _text(self, part: Part) -> Iterator[Bit]:
        yield from self._open(part)
        if more := part["text"][self._said :]:
            self._said += len(more)
            yield self._bit("text", part, len(more), more)

    def _bit(
        self, kind: Literal["open", "text", "close", "value"], part: Part, size: int, text: str = ""
    ) -> Bit:
        start, self.position = self.position, self.position + size
        return Bit(kind, part, text, start, self.position)
