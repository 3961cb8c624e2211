"""What was said in a conversation, as messages of AG-UI; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ...chats.said import MESSAGE
from ...events.answer import Part, told_of
from ...events.answer_fold import AnswerFold
from ...events.event import Event

Message = dict[str, Any]

#: Messages and answers that a snapshot has, at most: the last.
MOST: Final = 100


def messages_of(events: Iterable[Event], *, but: str | None = None) -> list[Message]:
    """The messages of events of a conversation, in order; without those of the answer `but`."""
    said: list[tuple[str, Mapping[str, Any] | AnswerFold]] = []
    answers: dict[str, AnswerFold] = {}
    for event in events:
        if event.type == MESSAGE and event.id is not None:
            said.append((str(event.id), msgspec.json.decode(event.fields)))
        elif (told := told_of(event)) is not None and told.answer != but:
            if told.answer not in answers:
                answers[told.answer] = AnswerFold(told.answer)
                said.append((told.answer, answers[told.answer]))
            answers[told.answer].take(event, told)
    messages: list[Message] = []
    for name, one in said[-MOST:]:
        if isinstance(one, AnswerFold):
            # One whose beginning is no longer kept is left out.
            messages += answered(name, one.parts() or ())
        else:
            messages.append({"id": name, "role": "user", "content": str(one.get("message", ""))})
    return messages


def answered(answer: str, parts: Iterable[Part]) -> list[Message]:
    """The messages that an answer is: its texts, its reasoning, its tools and what they said."""
    messages: list[Message] = []
    for part in parts:
        match part.get("type"):
            case "text":
                name = text_name(answer, part)
                messages.append({"id": name, "role": "assistant", "content": part["text"]})
            case "reasoning":
                name = text_name(answer, part)
                messages.append({"id": name, "role": "reasoning", "content": part["text"]})
            case "tool_input" | "tool_call":
                call = part["tool_call"]
                messages.append({"id": call, "role": "assistant", "toolCalls": [call_of(part)]})
            case "tool_output" if not part.get("preliminary"):
                output = output_of(part)
                messages.append({"id": output.pop("messageId"), **output})
    return messages


def text_name(answer: str, part: Part) -> str:
    """The id of the message that a text or reasoning is."""
    return f"{answer}-{part.get('part')}"


def call_of(part: Part) -> Message:
    """A tool call, with what the tool is given as JSON: as far as it was said."""
    given = _text_of(part["input"]) if "input" in part else str(part.get("text", ""))
    function = {"name": str(part.get("tool")), "arguments": given}
    return {"id": part["tool_call"], "type": "function", "function": function}


def output_of(part: Part) -> Message:
    """What a tool said, or why it said nothing."""
    call = part["tool_call"]
    message: Message = {"messageId": f"{call}-output", "toolCallId": call, "role": "tool"}
    if part.get("denied"):
        return {**message, "content": "denied"}
    if "error" in part:
        return {**message, "content": str(part["error"])}
    return {**message, "content": _text_of(part.get("output"))}


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
