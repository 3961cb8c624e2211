"""An answer of a conversation as the frames of a response; pure.

Their numbers are what is said before them, in characters and edges: so they are the same for
one who hears every piece, and for one who is given the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from ...chats.answer_reading import AnswerReading, base_of
from ...errors import InvalidCursor
from ...events.answer import COMPLETE, Part
from ...events.answer_fold import AnswerFold
from ...events.answer_walk import Bit
from ...events.cursor import Cursor
from ...jobs.recording.frames import Frame
from .frames import EMPTY

_Object = dict[str, Any]

#: Of each attempt the first two, before anything is said.
FIRST: Final = 2
#: Reasons why a model has finished before it was done, as OpenAI's clients call them.
_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


class AnswerFrames:
    """The frames of one answer for one client.

    Args:
        after: the number of the last frame that the client has; -1 if it has none.
    """

    def __init__(self, reading: AnswerReading, *, after: int) -> None:
        self._reading: Final = reading
        self._after: Final = after
        self._index = 0

    def begin(self) -> Iterator[Frame]:
        """What comes first: a response that has said nothing, whatever was said by now.

        Clients add to it what they hear.
        """
        response = _begun(self._reading.answer)
        for number, kind in enumerate(("created", "in_progress")):
            yield from self._frame(self._reading.base + number, kind, {"response": response})

    def say(self, bits: Iterable[Bit]) -> Iterator[Frame]:
        """What is said more."""
        for bit in bits:
            start = self._reading.base + FIRST + bit.start
            if bit.kind == "text":
                known = max(0, self._after + 1 - start)
                at = {**self._at(bit.part), "delta": bit.text[known:]}
                kind = "output_text" if bit.part["type"] == "text" else "reasoning_summary_text"
                end = start + len(bit.text) - 1
                yield from self._frame(end, f"{kind}.delta", at)
            elif bit.kind != "value":
                for place, (kind, fields) in enumerate(self._edge(bit)):
                    yield from self._frame(start + place, kind, fields)
                self._index += bit.kind == "close"

    def end(self) -> Iterator[Frame]:
        """How it ended."""
        reading = self._reading
        response = response_of(reading.answer)
        status = response["status"]
        kind = "incomplete" if status == "cancelled" else status
        number = reading.base + FIRST + reading.position
        yield from self._frame(number, kind, {"response": response})

    def _frame(self, number: int, kind: str, fields: _Object) -> Iterator[Frame]:
        if number > self._after:
            name = f"response.{kind}"
            body = {"type": name, "sequence_number": number, **fields}
            yield Frame(number, name, msgspec.json.encode(body).decode())

    def _at(self, part: Part) -> _Object:
        name = _item_name(self._reading.answer.answer, part)
        at: _Object = {"item_id": name, "output_index": self._index}
        if part["type"] == "text":
            return {**at, "content_index": 0, "logprobs": []}
        return {**at, "summary_index": 0} if part["type"] == "reasoning" else at

    def _edge(self, bit: Bit) -> Sequence[tuple[str, _Object]]:
        """The frames of a part that opens or closes: so many at most as an edge counts for."""
        part, is_done = bit.part, bit.kind == "close"
        answer, at = self._reading.answer.answer, self._at(part)
        made = _item(answer, part, is_done=is_done)
        item = {"output_index": self._index, "item": made}
        text = part.get("text", "") if is_done else ""
        match part["type"], is_done:
            case "text", False:
                return (
                    ("output_item.added", item),
                    ("content_part.added", {**_but(at, "logprobs"), "part": _text("")}),
                )
            case "text", True:
                return (
                    ("output_text.done", {**at, "text": text}),
                    ("content_part.done", {**_but(at, "logprobs"), "part": _text(text)}),
                    ("output_item.done", item),
                )
            case "reasoning", False:
                return (
                    ("output_item.added", item),
                    ("reasoning_summary_part.added", {**at, "part": _summary("")}),
                )
            case "reasoning", True:
                return (
                    ("reasoning_summary_text.done", {**at, "text": text}),
                    ("reasoning_summary_part.done", {**at, "part": _summary(text)}),
                    ("output_item.done", item),
                )
            case _, False:
                return (("output_item.added", item),)
            case _:
                given = made["arguments"]
                named = {**at, "name": made["name"], "arguments": given}
                return (
                    ("function_call_arguments.delta", {**at, "delta": given}),
                    ("function_call_arguments.done", named),
                    ("output_item.done", item),
                )


def response_of(answer: AnswerFold) -> _Object:
    """An answer as a response, as it is now."""
    end, told = answer.end, answer.ended
    response = _begun(answer)
    if end is None or told is None:
        return response
    parts = answer.parts() or []
    said = [
        _item(answer.answer, part, is_done=True) for part in parts if part.get("type") in _ITEMS
    ]
    response |= {"model": told.model or "", "output": said}
    if end.type == COMPLETE:
        reason = _INCOMPLETE.get(told.finish_reason or "")
        if reason is None:
            return {**response, "status": "completed"}
        return {**response, "status": "incomplete", "incomplete_details": {"reason": reason}}
    if told.reason == "cancelled":
        return {**response, "status": "cancelled", "incomplete_details": {"reason": "cancelled"}}
    error = {"code": "server_error", "message": told.error or "the answer failed"}
    return {**response, "status": "failed", "error": error}


def _begun(answer: AnswerFold) -> _Object:
    return {
        **EMPTY,
        "id": answer.answer,
        "created_at": _asked_at(answer),
        "model": "",
        "status": "in_progress",
    }


def _asked_at(answer: AnswerFold) -> int:
    """When it was asked for (Unix time); of one that answers no message, when it was heard last.

    Its beginning is kept no longer once it is over.
    """
    try:
        return Cursor.parse(answer.reply_to or "").ms // 1000
    except InvalidCursor:
        last = answer.last.id if answer.last is not None else None
        return 0 if last is None else last.ms // 1000


def void_of(number: int) -> Frame:
    """What a client is told whose attempt has failed, while another one begins."""
    body = {
        "type": "error",
        "sequence_number": number,
        "code": "attempt_failed",
        "message": "what was said is void: another attempt has begun. Read the stream from its "
        "beginning, without starting_after",
        "param": None,
    }
    return Frame(number, "error", msgspec.json.encode(body).decode())


def is_of_attempt(number: int, attempt: int) -> bool:
    """Whether a frame with that number was of that attempt."""
    return base_of(attempt) <= number < base_of(attempt + 1)


_ITEMS: Final = frozenset({"text", "reasoning", "tool_input", "tool_call"})


def _item_name(answer: str, part: Part) -> str:
    return f"{answer}-{part.get('part') or part.get('tool_call')}"


def _item(answer: str, part: Part, *, is_done: bool) -> _Object:
    named = {
        "id": _item_name(answer, part),
        "status": "completed" if is_done else "in_progress",
    }
    text = part.get("text", "") if is_done else ""
    match part["type"]:
        case "text":
            content = [_text(text)] if is_done else []
            return {**named, "type": "message", "role": "assistant", "content": content}
        case "reasoning":
            return {**named, "type": "reasoning", "summary": [_summary(text)] if is_done else []}
        case _:
            given = ""
            if is_done:
                value = part.get("input", part.get("text", ""))
                given = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            call = {"call_id": part["tool_call"], "name": str(part.get("tool"))}
            return {**named, "type": "function_call", **call, "arguments": given}


def _text(text: str) -> _Object:
    return {"type": "output_text", "text": text, "annotations": []}


def _summary(text: str) -> _Object:
    return {"type": "summary_text", "text": text}


def _but(fields: _Object, name: str) -> _Object:
    return {key: value for key, value in fields.items() if key != name}
