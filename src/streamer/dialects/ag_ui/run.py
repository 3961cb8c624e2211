"""A run: what is said of an answer, as events in the order that AG-UI's clients enforce; pure.

Of each message, tool call and span of reasoning a START comes before all else, and nothing is
open when the run ends. `verifyEvents` of its client is who sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...chats.answer_reading import AnswerReading, Said
from ...events.answer import COMPLETE, Part
from ...events.answer_walk import Bit
from ...events.json_line import encode_line
from .history import call_of, output_of, text_name

Event = dict[str, Any]

#: An event, and the number by which a client comes back behind it; none in the middle of a bit.
Numbered = tuple[Event, int | None]


class Run:
    """One stream of a run.

    Args:
        thread: what the client calls the conversation.
        run: what it calls the run.
        messages: those that were there before it.
        after: the number up to which the client has the answer; 0 if it has nothing.
    """

    def __init__(self, thread: str, run: str, messages: list[Event], *, after: int = 0) -> None:
        self._named: Final = {"threadId": thread, "runId": run}
        self._messages: Final = messages
        self._after = after
        self._step = 1
        self._is_in_step = False
        # What the client has of a part that is open is opened again, once more comes of it.
        self._was_open: Part | None = None
        self._open: Part | None = None

    def begin(self, *, shows_messages: bool) -> list[Event]:
        """How every stream begins."""
        started = {"type": "RUN_STARTED", **self._named}
        return [started, self._snapshot()] if shows_messages else [started]

    def say(self, reading: AnswerReading, said: Said) -> Iterator[Numbered]:
        """What is said more of the answer."""
        if said.was_reset:
            yield from self._reset(reading)
        for bit in said.bits:
            is_known = bit.is_new and reading.base + bit.end <= self._after
            # A value may be another one by now: it is told again, which changes nothing.
            if is_known and bit.part.get("type") != "data":
                self._pass(bit)
                continue
            events = self._events(reading, bit)
            if events and bit.part.get("type") != "data" and not self._is_in_step:
                yield self._begin_step(), None
            for event in events:
                yield event, self._number(reading, bit, event, is_last=event is events[-1])

    def end(self, reading: AnswerReading) -> Iterator[Numbered]:
        """How it ended."""
        end, told = reading.answer.end, reading.answer.ended
        assert end is not None  # noqa: S101 - it has
        assert told is not None  # noqa: S101 - likewise
        if end.type != COMPLETE:
            message, code = told.error or "the answer failed", told.reason or "error"
            yield {"type": "RUN_ERROR", "message": message, "code": code}, None
            return
        if self._is_in_step:
            yield self._end_step(), None
        yield self.finished(), reading.base + reading.position + 1

    def finished(self) -> Event:
        """The end of a run."""
        return {"type": "RUN_FINISHED", **self._named}

    def _snapshot(self) -> Event:
        return {"type": "MESSAGES_SNAPSHOT", "messages": self._messages}

    def _begin_step(self) -> Event:
        self._is_in_step = True
        return {"type": "STEP_STARTED", "stepName": f"step-{self._step}"}

    def _end_step(self) -> Event:
        self._is_in_step = False
        return {"type": "STEP_FINISHED", "stepName": f"step-{self._step}"}

    def _reset(self, reading: AnswerReading) -> Iterator[Numbered]:
        """Take back what was said: what the client has is what was there before."""
        if self._open is not None:
            for event in _closing(reading.answer.answer, self._open):
                yield event, None
        if self._is_in_step:
            yield self._end_step(), None
        yield self._snapshot(), None
        self._after, self._step = 0, 1
        self._open = self._was_open = None

    def _pass(self, bit: Bit) -> None:
        """Come past a bit that the client has."""
        if bit.kind == "value":
            self._step += bit.part.get("type") == "step"
        else:
            self._was_open = None if bit.kind == "close" else bit.part

    def _events(self, reading: AnswerReading, bit: Bit) -> list[Event]:
        answer, part = reading.answer.answer, bit.part
        if bit.kind == "value":
            return self._value(answer, part)
        events: list[Event] = []
        if bit.kind == "open" or self._was_open is not None:
            self._was_open = None
            events += _opening(answer, part)
        self._open = part
        if bit.kind == "text":
            known = max(0, self._after - reading.base - bit.start)
            events.append(_content(answer, part, bit.text[known:]))
        elif bit.kind == "close":
            self._open = None
            has_given = self._after >= _given(reading, bit)
            closing = _closing(answer, part)
            events += [e for e in closing if not (has_given and e["type"] == _ARGS)]
        return events

    @staticmethod
    def _number(reading: AnswerReading, bit: Bit, event: Event, *, is_last: bool) -> int | None:
        # What is opened or closed twice is so once; but not what is added up.
        if event["type"] == _ARGS:
            return _given(reading, bit)
        return reading.base + bit.end if bit.is_new and is_last else None

    def _value(self, answer: str, part: Part) -> list[Event]:
        match kind := part.get("type"):
            case "step":
                ended = [self._end_step()] if self._is_in_step else []
                self._step += 1
                return [*ended, self._begin_step()]
            case "tool_output":
                said = {"type": "TOOL_CALL_RESULT", **output_of(part)}
                return [] if part.get("preliminary") else [said]
            case "data":
                return [_activity(answer, part)]
            case _:
                return [{"type": "CUSTOM", "name": str(kind), "value": part}]


_ARGS: Final = "TOOL_CALL_ARGS"


def _given(reading: AnswerReading, bit: Bit) -> int:
    """The number in the middle of a tool's end: behind what the tool was given."""
    return reading.base + bit.start + 1


def _opening(answer: str, part: Part) -> Iterator[Event]:
    name = text_name(answer, part)
    match part["type"]:
        case "text":
            yield {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"}
        case "reasoning":
            yield {"type": "REASONING_START", "messageId": name}
            yield {"type": "REASONING_MESSAGE_START", "messageId": name, "role": "reasoning"}
        case _:
            tool = {"toolCallId": part["tool_call"], "toolCallName": str(part.get("tool"))}
            yield {"type": "TOOL_CALL_START", **tool}


def _content(answer: str, part: Part, text: str) -> Event:
    kind = "TEXT_MESSAGE" if part["type"] == "text" else "REASONING_MESSAGE"
    return {"type": f"{kind}_CONTENT", "messageId": text_name(answer, part), "delta": text}


def _closing(answer: str, part: Part) -> Iterator[Event]:
    name = text_name(answer, part)
    match part["type"]:
        case "text":
            yield {"type": "TEXT_MESSAGE_END", "messageId": name}
        case "reasoning":
            yield {"type": "REASONING_MESSAGE_END", "messageId": name}
            yield {"type": "REASONING_END", "messageId": name}
        case _:
            call = part["tool_call"]
            if given := call_of(part)["function"]["arguments"]:
                yield {"type": _ARGS, "toolCallId": call, "delta": given}
            yield {"type": "TOOL_CALL_END", "toolCallId": call}


def _activity(answer: str, part: Part) -> Event:
    """A value that replaces the one before it, as a bar does."""
    name, data = str(part.get("name")), part.get("data")
    return {
        "type": "ACTIVITY_SNAPSHOT",
        "messageId": f"{answer}-{name}-{part.get('id', '')}",
        "activityType": name.upper(),
        "content": data if isinstance(data, dict) else {"value": data},
    }


def frame_of(event: Event, answer: str = "", number: int | None = None) -> bytes:
    """An event as a frame; with its `number` in `answer`, a client may come back behind it."""
    place = "" if number is None else f"id: {place_of(answer, number)}\n"
    return b"data: %b\n%b\n" % (encode_line(event), place.encode())


def place_of(answer: str, number: int) -> str:
    """What stands for the place behind a number of an answer, as ``id:``."""
    return f"{answer}/{number}"


def read_place(text: str | None) -> tuple[str, int]:
    """The answer and the number of a ``Last-Event-ID``; of any other nothing and 0."""
    answer, _, number = (text or "").rpartition("/")
    if answer and number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        return answer, int(number)
    return "", 0


#: Of the largest number.
_DIGITS: Final = 12
