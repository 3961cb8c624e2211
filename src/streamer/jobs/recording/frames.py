"""How the frames of an AI server's streams are numbered, and when a stream is whole; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

#: Of ``POST /responses``, and of ``POST /chat/completions``: what a recording is of.
Of = Literal["responses", "chat/completions"]
RESPONSES: Final = "responses"
COMPLETIONS: Final = "chat/completions"

#: What ends a response (OpenAI's "Streaming events").
ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete"})
#: Frames that have the whole response, as it is then.
WITH_RESPONSE: Final = ENDS | {"response.created", "response.queued", "response.in_progress"}
#: What ends a stream of completions.
DONE: Final = "[DONE]"

#: Characters of an AI server's own words that are passed on.
_SHOWN: Final = 500
#: Line ends to some readers, which inside of JSON stand in strings alone.
_LINE_ENDS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}

_Object = dict[str, msgspec.Raw]
_objects: Final = msgspec.json.Decoder(_Object)


class UpstreamFailed(Exception):
    """The AI server did not say all of it."""


class Frame(msgspec.Struct, frozen=True):
    """One frame of a stream.

    Attributes:
        number: increasing; of a response its ``sequence_number``.
        name: its ``event:``; may be empty.
        data: its ``data:``, one line.
    """

    number: int
    name: str
    data: str


class Numbering(Protocol):
    """One stream of an AI server, while it comes.

    Attributes:
        is_whole: whether nothing is missing, if it ended now.
    """

    is_whole: bool

    def take(self, body: bytes) -> Frame | None:
        """The frame with that ``data:``; None if there is none to record.

        Raises:
            UpstreamFailed: it is no such frame, or says that the server failed.
        """


class ResponseFrames:
    """The frames of a response, which has our name instead of the server's.

    Args:
        name: ours. A server's own may be another's, too: some count.
        is_background: what the response says of itself: to the server none is.

    Attributes:
        upstream: the server's name of the response, once it said it.
    """

    def __init__(self, name: str, *, is_background: bool) -> None:
        self.is_whole = False
        self.upstream: str | None = None
        self._name: Final = msgspec.Raw(msgspec.json.encode(name))
        self._is_background: Final = is_background
        self._last = -1

    def take(self, body: bytes) -> Frame | None:
        """See `Numbering`."""
        if body.strip() == DONE.encode():
            return None
        frame = _object(body)
        kind = _text(frame.get("type"))
        if not kind:
            raise UpstreamFailed("the AI server sent an event without a type")
        number = _whole(frame.get("sequence_number"))
        if number is None:
            number = self._last + 1
            frame["sequence_number"] = msgspec.Raw(b"%d" % number)
            body = msgspec.json.encode(frame)
        if number <= self._last:
            raise UpstreamFailed(f"the AI server numbered {kind} as {number}, after {self._last}")
        self._last = number
        if kind in WITH_RESPONSE and "response" in frame:
            frame["response"] = self._named(frame["response"])
            body = msgspec.json.encode(frame)
        self.is_whole = kind in ENDS
        return Frame(number, kind, _line(body))

    def _named(self, response: msgspec.Raw) -> msgspec.Raw:
        fields = _object(bytes(response))
        self.upstream = self.upstream or _text(fields.get("id"))
        fields["id"] = self._name
        if self._is_background:
            fields["background"] = msgspec.Raw(b"true")
        return msgspec.Raw(msgspec.json.encode(fields))


class CompletionFrames:
    """The chunks of a completion, which have our name instead of the server's."""

    def __init__(self, name: str) -> None:
        self.is_whole = False
        self._name: Final = msgspec.Raw(msgspec.json.encode(name))
        self._next = 0

    def take(self, body: bytes) -> Frame | None:
        """See `Numbering`."""
        number = self._next
        if body.strip() == DONE.encode():
            self._next, self.is_whole = number + 1, True
            return Frame(number, "", DONE)
        chunk = _object(body)
        if "error" in chunk:
            raise UpstreamFailed(f"the AI server failed: {_said(chunk['error'])}")
        if "id" in chunk:
            chunk["id"] = self._name
            body = msgspec.json.encode(chunk)
        # Some end without the word, but say why they end.
        self.is_whole = self.is_whole or _is_finished(chunk.get("choices"))
        self._next += 1
        return Frame(number, "", _line(body))


def _object(body: bytes) -> _Object:
    try:
        return _objects.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UpstreamFailed("the AI server sent a frame that is no JSON object") from error


def _line(body: bytes) -> str:
    if b"\n" in body or b"\r" in body:
        body = msgspec.json.format(body, indent=-1)
    try:
        text = body.decode()
    except UnicodeError as error:
        raise UpstreamFailed("the AI server sent what is not UTF-8") from error
    return text if text.isascii() else text.translate(_LINE_ENDS)


def _decoded(raw: msgspec.Raw | None) -> Any:  # noqa: ANN401 - whatever a server sent
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UpstreamFailed("the AI server sent a frame that is no JSON object") from error


def _text(raw: msgspec.Raw | None) -> str | None:
    value = _decoded(raw)
    return value if isinstance(value, str) else None


def _whole(raw: msgspec.Raw | None) -> int | None:
    value = _decoded(raw)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _said(raw: msgspec.Raw) -> str:
    error = _decoded(raw)
    said = error.get("message") if isinstance(error, Mapping) else error
    return str(said)[:_SHOWN]


def _is_finished(raw: msgspec.Raw | None) -> bool:
    choices = _decoded(raw)
    return isinstance(choices, list) and any(
        isinstance(choice, Mapping) and choice.get("finish_reason") for choice in choices
    )
