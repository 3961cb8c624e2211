"""The pieces that schemas of bodies are made of."""

from __future__ import annotations

from typing import Any, Final

_Schema = dict[str, Any]

#: Where OpenAPI and AsyncAPI keep what is referred to by name.
REF: Final = "#/components/schemas/{name}"

TEXT: Final[_Schema] = {"type": "string"}
TEXTS: Final[_Schema] = {"type": "array", "items": TEXT}
WHOLE: Final[_Schema] = {"type": "integer"}
WHEN: Final[_Schema] = {"type": "string", "format": "date-time"}
#: A position in the log.
CURSOR: Final[_Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{1,15}-[0-9]{1,20}$",
    "description": "Opaque: a position in the log. Resume after it.",
}


def kind_of(kind: str) -> _Schema:
    """The field `type` of bodies of one type."""
    return {"type": "string", "const": kind}


def camel(kind: str) -> str:
    """``CaughtUp`` for ``caught_up``."""
    return "".join(word.title() for word in kind.replace(".", "_").replace("-", "_").split("_"))
