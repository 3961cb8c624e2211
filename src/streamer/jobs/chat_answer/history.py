"""What was said before in a conversation, as a model is told it; the last is what is answered."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from ...eventlog.base import EventLog
from ...events.answer import COMPLETE, SEGMENT, Told, told_of
from ...events.cursor import Cursor
from ...events.event import Event

#: Messages and answers that a model is told of, at most.
MAX_MESSAGES: Final = 40
#: Characters of them: some 6,000 tokens, which every model has room for beside its answer.
MAX_CHARACTERS: Final = 24_000
#: Events of one page, and pages that are looked through: among the messages are those who
#: came and left.
_PAGE: Final = 200
_PAGES: Final = 5
#: The type of what somebody says.
MESSAGE: Final = "message"


class Line(NamedTuple):
    """One thing that was said.

    Attributes:
        text: what was said; of files, their names.
        username: who said it; None for an answer.
    """

    text: str
    username: str | None


async def read_history(log: EventLog, topic: str, message_id: Cursor) -> list[Line]:
    """What was said up to a message, that included, in order; empty if it is not kept.

    Raises:
        LogUnavailable: the log is away.
    """
    lines: list[Line] = []
    size = 0
    long = _LongAnswer()
    before = message_id.next()
    for _ in range(_PAGES):
        page = await log.read_back((topic,), before, _PAGE)
        for event in page.events:
            before = event.id or before
            if not lines and event.id != message_id:
                return []
            if event.type not in (MESSAGE, SEGMENT, COMPLETE):
                continue
            line: Line | None = _line(msgspec.json.decode(event.fields))
            if line is not None and event.type != MESSAGE:
                line = long.joined(event, line.text)
            if line is None:
                continue
            size += len(line.text)
            # What is to be answered is told whatever its size.
            if lines and (size > MAX_CHARACTERS or len(lines) == MAX_MESSAGES):
                return lines[::-1]
            lines.append(line)
        if not page.more:
            break
    return lines[::-1]


class _LongAnswer:
    """The segments of an answer, of which the last comes first."""

    def __init__(self) -> None:
        self._told: Told | None = None
        self._texts: list[str] = []

    def joined(self, event: Event, text: str) -> Line | None:
        """The answer, once its first segment has come."""
        told = told_of(event)
        if told is None:  # it was published by hand, in one piece
            return Line(text, None)
        if event.type == COMPLETE:
            self._texts = []
        elif self._told is None or not _precedes(told, self._told):
            return None  # of an attempt that is void, or of an answer that is not whole
        self._told = told
        self._texts.append(text)
        return None if told.segment > 1 else Line("".join(self._texts[::-1]), None)


def _precedes(told: Told, other: Told) -> bool:
    named = (told.answer, told.attempt, told.segment)
    return named == (other.answer, other.attempt, other.segment - 1)


def as_messages(lines: list[Line]) -> list[dict[str, str]]:
    """The messages of a request; where several people speak, each with their name before it."""
    people = {line.username for line in lines if line.username is not None}
    return [
        {"role": "assistant", "content": line.text}
        if line.username is None
        else {
            "role": "user",
            "content": f"{line.username}: {line.text}" if len(people) > 1 else line.text,
        }
        for line in lines
    ]


def _line(fields: dict[str, Any]) -> Line:
    text = str(fields.get("message", ""))
    files = [str(file.get("name", "")) for file in fields.get("attachments", ())]
    if files:
        text = f"{text}\n[attached: {', '.join(files)}]".lstrip("\n")
    is_user = fields.get("is_user", True)
    return Line(text, str(fields.get("username") or "somebody") if is_user else None)
