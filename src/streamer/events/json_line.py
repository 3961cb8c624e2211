"""JSON on one line, safe for every line-based wire."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..errors import InvalidFields

_encoder: Final = msgspec.json.Encoder()

#: Types whose JSON can hold no character that is a line end.
_SAFE: Final = frozenset({float, int, bool, type(None)})

#: Legal inside a JSON string, and line ends to some readers of SSE and JSON
#: lines (`sseclient` cuts an event at U+2028). In UTF-8 these bytes can only
#: stand inside a string, so replacing them never breaks the JSON.
_LINE_ENDS: Final = (
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
    ("\u0085".encode(), rb"\u0085"),
)


def encode_line(value: Any) -> bytes:  # noqa: ANN401 - whatever a publisher gave
    """Encode `value` as JSON without any character that some client ends a line at.

    Raises:
        InvalidFields: if `value` has no JSON form.
    """
    if type(value) in _SAFE:
        return _encoder.encode(value)
    try:
        encoded = _encoder.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidFields(f"the fields cannot be encoded as JSON: {error}") from error
    if encoded.isascii():
        return encoded
    for raw, escaped in _LINE_ENDS:
        if raw in encoded:
            encoded = encoded.replace(raw, escaped)
    return encoded
