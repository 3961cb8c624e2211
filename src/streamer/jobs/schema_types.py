"""The types that a JSON Schema describes: the other way round of `parameters`.

A server checks what it is asked for though it has none of the code that is to run: it makes
the types again from the schema that a worker offers, which is of what JSON has alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

import msgspec
from msgspec import UNSET, Meta, UnsetType

#: What a schema calls a bound, and what `msgspec.Meta` does.
_NUMBER: Final = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
_TEXT: Final = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_LIST: Final = {"minItems": "min_length", "maxItems": "max_length"}
_DICT: Final = {"minProperties": "min_length", "maxProperties": "max_length"}
_LEAVES: Final[Mapping[str, tuple[Any, Mapping[str, str]]]] = {
    "integer": (int, _NUMBER),
    "number": (float, _NUMBER),
    "string": (str, _TEXT),
    "boolean": (bool, {}),
    "null": (None, {}),
}

_Schema = Mapping[str, Any]


def struct_of(schema: _Schema) -> type[msgspec.Struct]:
    """The struct of a `Parameters.schema`: a field that may be left out is then ``UNSET``.

    Raises:
        ValueError: the schema says what `parameters` never does.
    """
    try:
        named = _Named(schema.get("$defs", {}))
        required = frozenset(schema.get("required", ()))
        fields = [
            (name, named.type_of(field))
            if name in required
            else (name, named.type_of(field) | UnsetType, UNSET)
            for name, field in schema["properties"].items()
        ]
        return msgspec.defstruct("Parameters", fields, kw_only=True, forbid_unknown_fields=True)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no schema of parameters: {error!r}") from error


class _Named:
    """The types of schemas, some of which are referred to by name: each of those is made once."""

    def __init__(self, schemas: _Schema) -> None:
        self._schemas: Final = schemas
        self._made: Final[dict[str, Any]] = {}

    def type_of(self, schema: _Schema) -> Any:  # noqa: ANN401 - a type
        if ref := schema.get("$ref"):
            return self._typed_dict(ref.rpartition("/")[2])
        if "anyOf" in schema:
            return reduce(or_, map(self.type_of, schema["anyOf"]))
        if "enum" in schema:
            return Literal[tuple(schema["enum"])]
        match schema.get("type"):
            case None:
                return Any
            case "array":
                items = self.type_of(schema.get("items", {}))
                return _bounded(list[items], schema, _LIST)  # type: ignore[valid-type]
            case "object":
                values = self.type_of(schema.get("additionalProperties", {}))
                return _bounded(dict[str, values], schema, _DICT)  # type: ignore[valid-type]
            case leaf:
                return _bounded(_LEAVES[leaf][0], schema, _LEAVES[leaf][1])

    def _typed_dict(self, name: str) -> Any:  # noqa: ANN401 - a type
        if name not in self._made:
            schema = self._schemas[name]
            required = frozenset(schema.get("required", ()))
            fields = {key: self.type_of(field) for key, field in schema["properties"].items()}
            self._made[name] = TypedDict(  # type: ignore[operator]
                name,
                {k: kind if k in required else NotRequired[kind] for k, kind in fields.items()},
            )
        return self._made[name]


def _bounded(kind: Any, schema: _Schema, bounds: Mapping[str, str]) -> Any:  # noqa: ANN401
    given = {name: schema[said] for said, name in bounds.items() if said in schema}
    return Annotated[kind, Meta(**given)] if given else kind
