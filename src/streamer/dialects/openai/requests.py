"""What a client asks an AI server for, as far as we look at it; pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...api.query import QUERY, Query
from ...errors import InvalidJSON, InvalidParameter

#: What a client may ask of a response. What else there is, is asked for at first alone.
RESPONSE: Final = {
    QUERY: Query(
        ("stream", "starting_after", "include_obfuscation"), repeated=("include", "include[]")
    )
}
#: Bytes of a request: it waits in Redis for a worker.
MAX_BODY: Final = 2 * 1024 * 1024

_Object = dict[str, msgspec.Raw]
_objects: Final = msgspec.json.Decoder(_Object)


class Wanted:
    """The body of a request, all of whose fields reach the AI server but those that are ours.

    Raises:
        InvalidJSON: it is no JSON object.
        InvalidParameter: a field that we look at is of another type.
    """

    def __init__(self, body: bytes) -> None:
        try:
            # As text: what is taken as it is would be looked at by the AI server first.
            self._fields: Final = _objects.decode(body.decode())
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise InvalidJSON(f"the body is not a JSON object: {error}") from error
        self.streams: Final = self._flag("stream", default=False)
        self.is_background: Final = self._flag("background", default=False)
        self.is_stored: Final = self._flag("store", default=True)
        self.model: Final = self._text("model")
        self.previous: Final = self._text("previous_response_id")

    def body(self, *, model: str, previous: str | None = None) -> str:
        """What the AI server is asked: to stream, to us.

        Args:
            model: if the client names none.
            previous: the server's own name of `previous`.
        """
        fields = {name: value for name, value in self._fields.items() if name != "background"}
        fields["stream"] = msgspec.Raw(b"true")
        if model and not self.model:
            fields["model"] = _raw(model)
        if previous is not None:
            fields["previous_response_id"] = _raw(previous)
        return msgspec.json.encode(fields).decode()

    def _flag(self, name: str, *, default: bool) -> bool:
        value = self._value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidParameter(f"{name} must be true or false")
        return value

    def _text(self, name: str) -> str:
        value = self._value(name)
        if value is not None and not isinstance(value, str):
            raise InvalidParameter(f"{name} must be text")
        return value or ""

    def _value(self, name: str) -> Any:  # noqa: ANN401 - whatever a client sent
        raw = self._fields.get(name)
        try:
            return None if raw is None else msgspec.json.decode(raw)
        except msgspec.MsgspecError as error:  # a number that is none here, as 1e999
            raise InvalidParameter(f"{name} cannot be read: {error}") from error


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def wants_stream(text: str | None) -> bool:
    """Whether ``stream`` asks for a response's frames."""
    return text in ("true", "True", "1")


def read_after(query: str | None, header: str | None) -> int:
    """After which frame a client reads on: ``starting_after``, else ``Last-Event-ID``; else -1.

    Raises:
        InvalidParameter: it is no number.
    """
    for name, text in (("starting_after", query), ("Last-Event-ID", header)):
        if text:
            if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
                raise InvalidParameter(
                    f"{name} is {text[:40]!r}; it must be the number of a frame, as in 42"
                )
            return int(text)
    return -1


#: Of the largest number.
_DIGITS: Final = 12
