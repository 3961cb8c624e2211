"""What is said of an answer, as chunks of the AI SDK's UI message stream; pure.

Every chunk is one that its clients know: one that they do not know ends their stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ...events.answer import (
    COMPLETE,
    ENDS,
    FAILED,
    FIRST_TEXT,
    RESET,
    START,
    Part,
    Told,
    parts_of,
    told_of,
)
from ...events.event import Event

Chunk = dict[str, Any]

#: Reasons why a model has finished, as its clients call them; any other is "other".
_FINISH_REASONS: Final = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "content-filter": "content-filter",
    "tool_calls": "tool-calls",
    "tool-calls": "tool-calls",
    "function_call": "tool-calls",
}

#: What an answer ends with of which nothing more was heard for long.
ABANDONED: Final[Chunk] = {
    "type": "error",
    "errorText": "the answer broke off, and nothing more was heard of it",
}


def chunks_of(event: Event) -> list[Chunk]:
    """The chunks of an event as `AnswerStory` hands it on."""
    told = told_of(event)
    if told is None:
        return []
    if event.type == START:
        return beginning(told.answer)
    if event.type == RESET:
        return [{"type": "reset-step"}]
    if event.type in ENDS:
        return ending(event.type, told)
    return said(parts_of(event.type, told))


def beginning(answer: str) -> list[Chunk]:
    """What an answer begins with: its name is the message's id in all attempts."""
    return [{"type": "start", "messageId": answer}, {"type": "start-step"}]


def said(parts: Iterable[Part]) -> list[Chunk]:
    """The chunks of what was said."""
    return [chunk for part in parts for chunk in _chunks(part)]


def ending(event_type: str, told: Told) -> list[Chunk]:
    """What an answer ends with: whole, stopped or failed."""
    if event_type == FAILED and told.reason == "cancelled":
        # What was being said stays open: by that a client knows that it is not whole.
        return [{"type": "abort", "reason": told.error or "the answer was cancelled"}]
    chunks: list[Chunk] = []
    if told.parts is None and (told.message or told.segment > 1):
        chunks += _end_of(FIRST_TEXT)
    if event_type == COMPLETE:
        finish: Chunk = {"type": "finish"}
        if told.finish_reason is not None:
            finish["finishReason"] = _FINISH_REASONS.get(told.finish_reason, "other")
        return [*chunks, {"type": "finish-step"}, finish]
    assert event_type == FAILED  # noqa: S101 - there are two
    return [*chunks, {"type": "error", "errorText": told.error or "the answer failed"}]


def _end_of(part: str) -> Iterator[Chunk]:
    """The end of a text or of reasoning, whose names begin with what they are."""
    yield {"type": f"{part.partition('-')[0]}-end", "id": part}


def _chunks(part: Part) -> Iterator[Chunk]:
    kind = part.get("type")
    match kind:
        case "text" | "reasoning":
            yield from _of_text(kind, part)
        case "tool_input" | "tool_call" | "tool_output" | "tool_approval":
            yield from _of_tool(kind, part)
        case "source":
            yield _source(part)
        case "end":
            yield from _end_of(part["part"])
        case "step":
            yield {"type": "finish-step"}
            yield {"type": "start-step"}
        case _:
            yield from _of_other(kind, part)


def _of_text(kind: str, part: Part) -> Iterator[Chunk]:
    name = part.get("part")
    if part.get("opens"):
        yield {"type": f"{kind}-start", "id": name}
    if part["text"]:
        yield {"type": f"{kind}-delta", "id": name, "delta": part["text"]}


def _of_other(kind: object, part: Part) -> Iterator[Chunk]:
    match kind:
        case "file":
            file = "reasoning-file" if part.get("is_reasoning") else "file"
            yield {"type": file, "url": part.get("url"), "mediaType": part.get("media_type")}
        case "data":
            data = {"type": f"data-{part.get('name')}", "data": part.get("data")}
            yield data | _named(part, id="id", transient="transient")
        case "metadata":
            yield {"type": "message-metadata", "messageMetadata": part.get("metadata")}
        case "custom":
            yield {"type": "custom", "kind": part.get("kind")} | _of_provider(part)


def _of_tool(kind: str, part: Part) -> Iterator[Chunk]:
    call = part.get("tool_call")
    tool = {"toolCallId": call, "toolName": part.get("tool")}
    more = _named(part, dynamic="dynamic", title="title") | _of_provider(part)
    if kind == "tool_input":
        if part.get("opens"):
            yield {"type": "tool-input-start", **tool, **more}
        if part["text"]:
            yield {"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": part["text"]}
    elif kind == "tool_call":
        given = {**tool, "input": part.get("input"), **more}
        if "error" in part:
            yield {"type": "tool-input-error", **given, "errorText": part["error"]}
        else:
            yield {"type": "tool-input-available", **given}
    elif kind == "tool_approval":
        if "approved" in part:
            answer = {"approvalId": part.get("approval"), "approved": part["approved"]}
            yield {"type": "tool-approval-response", **answer} | _named(part, reason="reason")
        else:
            yield {
                "type": "tool-approval-request",
                "approvalId": part.get("approval"),
                "toolCallId": call,
            }
    elif part.get("denied"):
        yield {"type": "tool-output-denied", "toolCallId": call}
    elif "error" in part:
        failed = {"toolCallId": call, "errorText": part["error"]}
        yield {"type": "tool-output-error", **failed, **_named(part, dynamic="dynamic")}
    else:
        output = {"toolCallId": call, "output": part.get("output")}
        names = _named(part, preliminary="preliminary", dynamic="dynamic")
        yield {"type": "tool-output-available", **output, **names}


def _source(part: Part) -> Chunk:
    of_provider = _of_provider(part)
    if "url" in part:
        source = {"type": "source-url", "sourceId": part.get("id"), "url": part["url"]}
        return source | _named(part, title="title") | of_provider
    named = {"mediaType": part.get("media_type"), "title": part.get("title")}
    document = {"type": "source-document", "sourceId": part.get("id"), **named}
    return document | _named(part, filename="filename") | of_provider


def _of_provider(part: Part) -> Chunk:
    return _named(part, providerMetadata="provider_metadata")


def _named(part: Part, **names: str) -> Chunk:
    return {theirs: part[ours] for theirs, ours in names.items() if ours in part}
