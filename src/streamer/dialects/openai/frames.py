"""Frames as server-sent events, and those that say that a stream is not whole; pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...jobs.recording.frames import Frame
from ...jobs.recording.playback import End, Playback

_Object = dict[str, Any]


def sse(frame: Frame) -> bytes:
    """A frame, with its number as ``id:``, by which a client comes back."""
    name = f"event: {frame.name}\n" if frame.name else ""
    return f"{name}data: {frame.data}\nid: {frame.number}\n\n".encode()


def response_of(played: Playback, name: str) -> _Object:
    """The response as it is, with the end that its recording has."""
    response: _Object
    if played.response is None:
        response = {**EMPTY, "id": name, "created_at": played.created, "model": played.model}
    else:
        response = msgspec.json.decode(played.response)["response"]
    end = played.end
    if end is None or end.status == "completed" or response.get("status") in _OVER:
        return response
    if end.status == "cancelled":
        return {**response, "status": "cancelled", "incomplete_details": {"reason": "cancelled"}}
    return {**response, "status": "failed", "error": _error(end)}


def end_of_response(played: Playback, name: str) -> Frame | None:
    """The frame that says that a response is not whole; None if its last one says how it ended."""
    end = played.end
    if end is None or end.status == "completed":
        return None
    kind = "response.incomplete" if end.status == "cancelled" else "response.failed"
    number = played.number + 1
    response = response_of(played, name)
    body = {"type": kind, "sequence_number": number, "response": response}
    return Frame(number, kind, msgspec.json.encode(body).decode())


def end_of_completion(played: Playback) -> Frame | None:
    """The same of a completion; None if it is whole."""
    end = played.end
    if end is None or end.status == "completed":
        return None
    body = {"error": {**_error(end), "type": "server_error", "param": None}}
    return Frame(played.number + 1, "", msgspec.json.encode(body).decode())


def _error(end: End) -> _Object:
    # `code` is one of theirs; ours says which part was lost.
    return {"code": "server_error", "message": end.error, "reason": end.reason}


#: Statuses of a response that is over.
_OVER: Final = frozenset({"completed", "failed", "incomplete", "cancelled"})
#: A response of which nothing is said yet.
EMPTY: Final[_Object] = {
    "object": "response",
    "status": "queued",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "output": [],
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
}
