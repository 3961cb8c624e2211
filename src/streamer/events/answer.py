"""What the events of an answer say, in the words of whoever folds them; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from .event import Event

#: An answer was asked for, or begins; a part of it, until that is whole.
START: Final = "ai_start"
#: A piece of its text.
CHUNK: Final = "ai_chunk"
#: Whatever else is said, and no text.
PARTS: Final = "ai_parts"
#: All that one segment said, of an answer that is longer than one event.
SEGMENT: Final = "ai_segment"
#: An attempt failed: what was said so far is void.
RESET: Final = "ai_reset"
#: All that its last segment said: it is whole.
COMPLETE: Final = "ai_complete"
#: There will be no more, and it is not whole.
FAILED: Final = "ai_failed"

#: Those that say all of a segment, in place of its pieces.
WHOLES: Final = frozenset({SEGMENT, COMPLETE, FAILED})
#: What ends an answer.
ENDS: Final = frozenset({COMPLETE, FAILED})
TYPES: Final = frozenset({START, CHUNK, PARTS, RESET}) | WHOLES

#: One thing that is said: its ``type``, and what that type has; see docs/ANSWERS.md.
Part = dict[str, Any]

#: Types of parts that are said piece by piece: their ``text`` is added up.
DELTAS: Final = frozenset({"text", "reasoning", "tool_input"})
#: The part that an answer has which is nothing but text.
FIRST_TEXT: Final = "text-1"


class Told(msgspec.Struct, frozen=True):
    """The fields of one event of an answer; see docs/ANSWERS.md."""

    answer: str = ""
    attempt: int = 1
    reply_to: str | None = None
    segment: int = 1
    chunk: str = ""
    part: str = FIRST_TEXT
    opens: bool = False
    parts: list[Part] | None = None
    message: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    reason: str | None = None
    error: str | None = None


_decoder: Final = msgspec.json.Decoder(Told)


def told_of(event: Event) -> Told | None:
    """What `event` says of an answer; None if it is about none, or is none of ours."""
    if event.type not in TYPES or event.id is None:
        return None
    try:
        told = _decoder.decode(event.fields)
    except msgspec.MsgspecError:
        return None
    return told if told.answer else None


def parts_of(event_type: str, told: Told) -> list[Part]:
    """What is said, in parts: pieces of them, or, of a whole, each with all of its text."""
    if told.parts is not None:
        return told.parts
    text = told.chunk if event_type == CHUNK else told.message
    if not text:
        return []
    if event_type != CHUNK:
        return [text_part("text", FIRST_TEXT, text, opens=told.segment == 1)]
    return [text_part("text", told.part, text, opens=told.opens)]


def text_part(kind: str, part: str, text: str, *, opens: bool = False) -> Part:
    """A piece of a text or of reasoning; `opens` says that it is the first of its part."""
    said: Part = {"type": kind, "part": part, "text": text}
    if opens:
        said["opens"] = True
    return said


def key_of(part: Part) -> str | None:
    """The name of what `part` continues, or replaces; None: it stands for itself."""
    match part.get("type"):
        case "text" | "reasoning":
            return f"{part.get('part')}"
        case "tool_input" | "tool_call":
            return f"input {part.get('tool_call')}"
        case "tool_output":
            return f"output {part.get('tool_call')}"
        case "data" if part.get("id") is not None:
            return f"data {part.get('name')} {part['id']}"
        case _:
            return None


def is_kept(part: Part) -> bool:
    """Whether it is part of the answer, and not of the moment alone."""
    return not part.get("transient")


class Parts:
    """Parts in order, as few as say the same: pieces of a text are one, a value the newest."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts: list[Part] = []
        # Pieces of each that is said so, by its place.
        self._pieces: dict[int, list[str]] = {}
        self._places: dict[str, int] = {}
        for part in parts:
            self.add(part)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._parts)

    def has(self, part: Part) -> bool:
        """Whether `part` continues or replaces one of them."""
        return key_of(part) in self._places

    def add(self, part: Part) -> None:
        """Say one more."""
        if not is_kept(part):
            return
        key = key_of(part)
        place = None if key is None else self._places.get(key)
        is_piece = part["type"] in DELTAS
        if place is None:
            place = len(self._parts)
            if key is not None:
                self._places[key] = place
            self._parts.append(part)
            if is_piece:
                self._pieces[place] = [part["text"]]
        elif is_piece:
            if place in self._pieces:  # else all of it was said
                self._pieces[place].append(part["text"])
        else:
            self._pieces.pop(place, None)
            self._parts[place] = part

    def all(self) -> list[Part]:
        """Each with all of its text."""
        return [
            {**part, "text": "".join(self._pieces[place])} if place in self._pieces else part
            for place, part in enumerate(self._parts)
        ]


def text_of(parts: Iterable[Part]) -> str:
    """All that is plain text."""
    return "".join(part["text"] for part in parts if part["type"] == "text")
