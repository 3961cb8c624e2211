"""JSON that somebody sent, read as what it must be."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ..errors import InvalidFields, InvalidJSON

T = TypeVar("T")


def read_json(body: bytes, kind: type[T], example: str) -> T:
    """`body` as a `kind`, of which `example` is shown to whoever got it wrong.

    Raises:
        InvalidJSON: it is no JSON.
        InvalidFields: it is not what it must be; the text names the field.
        StreamerError: what `kind` itself refuses.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidFields(f"the body must be as {example}: {error}") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from error
