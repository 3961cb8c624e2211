"""What an actor may be asked with: a JSON Schema, from the annotations of its function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from msgspec import inspect as types

#: The parameter that is given the project of the address, and not a field of the body.
PROJECT: Final = "project_id"
#: Names that the body of a request uses itself.
_TAKEN: Final = ("kind",)
#: Levels of a type within a type: a body that nests deeper is not one that a person writes.
_MAX_DEPTH: Final = 16
#: What JSON has, and a function is given as its annotation says. All else would have to be
#: made from it, which nobody does for a message that the program itself sends.
_ALLOWED: Final = (
    "str, int, float, bool, None, Any, list[...], dict[str, ...], Literal[...], a TypedDict, "
    "or several of them, as in int | None"
)
_LEAVES: Final = (
    *(types.AnyType, types.NoneType, types.BoolType, types.IntType, types.FloatType),
    *(types.StrType, types.LiteralType),
)
_UNNAMED: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)


class Parameters(NamedTuple):
    """What a function takes.

    Attributes:
        schema: the JSON Schema of an object: a property for each parameter. What it refers
            to stands in its ``$defs``.
        takes_project: whether it has a parameter for the project.
    """

    schema: dict[str, Any]
    takes_project: bool


def parameters_of(function: Callable[..., Any], name: str) -> Parameters:
    """Read the annotations of `function`, which errors call `name`.

    Raises:
        TypeError: a parameter cannot be a field of a JSON object, or has no annotation; saying
            which, and what is allowed.
    """
    hints = _hints(function, name)
    fields: list[tuple[str, Any, Any]] = []
    defaults: dict[str, Any] = {}
    takes_project = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in _UNNAMED:
            shown = parameter.replace(annotation=parameter.empty, default=parameter.empty)
            raise TypeError(
                f"{name} has the parameter {shown}; a request names each parameter, as in "
                f"def {name}(source: str, width: int = 320)"
            )
        if parameter.name in _TAKEN:
            raise TypeError(
                f"{name} has a parameter {parameter.name!r}; that is the field of a request that "
                "says what is asked for, so call it otherwise"
            )
        if parameter.name == PROJECT:
            takes_project = True
            continue
        if parameter.name not in hints:
            raise TypeError(
                f"the parameter {parameter.name!r} of {name} has no annotation, so nothing could "
                f"be checked; it may be {_ALLOWED}"
            )
        annotation = hints[parameter.name]
        _check(annotation, parameter.name, name)
        if parameter.default is inspect.Parameter.empty:
            fields.append((parameter.name, annotation, msgspec.NODEFAULT))
        else:
            fields.append((parameter.name, annotation | UnsetType, UNSET))
            defaults[parameter.name] = parameter.default
    return Parameters(_schema(fields, defaults), takes_project)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except (NameError, TypeError) as error:
        raise TypeError(
            f"the annotations of {name} cannot be read: {error}; what they name must be imported "
            "when the program runs, and not only by a type checker"
        ) from error


def _check(annotation: Any, parameter: str, name: str) -> None:  # noqa: ANN401 - any type
    """Refuse a type that JSON does not have."""
    shown = inspect.formatannotation(annotation)
    try:
        wrong = next(_foreign(types.type_info(annotation), 0), None)
    except (TypeError, RecursionError) as error:
        raise TypeError(f"the parameter {parameter!r} of {name} is {shown}: {error}") from error
    if wrong is not None:
        raise TypeError(
            f"the parameter {parameter!r} of {name} is {shown}, and JSON has no {wrong}; "
            f"it may be {_ALLOWED}"
        )


def _foreign(kind: types.Type, depth: int) -> Iterator[str]:
    """Yield what JSON has not, in words."""
    if depth > _MAX_DEPTH:
        yield f"type that nests deeper than {_MAX_DEPTH} levels here"
        return
    inner: tuple[types.Type, ...] = ()
    match kind:
        case types.Metadata():
            inner = (kind.type,)
        case types.ListType():
            inner = (kind.item_type,)
        case types.DictType():
            if not isinstance(kind.key_type, types.StrType):
                yield "key that is no str"
            inner = (kind.value_type,)
        case types.UnionType():
            inner = kind.types
        case types.TypedDictType():
            inner = tuple(field.type for field in kind.fields)
        case _ if not isinstance(kind, _LEAVES):
            yield type(kind).__name__.removesuffix("Type").lower()
    for each in inner:
        yield from _foreign(each, depth + 1)


def _schema(fields: list[tuple[str, Any, Any]], defaults: dict[str, Any]) -> dict[str, Any]:
    struct = msgspec.defstruct("Parameters", fields, kw_only=True, forbid_unknown_fields=True)
    (found,), named = msgspec.json.schema_components((struct,), ref_template="#/$defs/{name}")
    schema: dict[str, Any] = named.pop(found["$ref"].rpartition("/")[2])
    schema.pop("title", None)
    for name, default in defaults.items():
        try:
            schema["properties"][name]["default"] = msgspec.to_builtins(default)
        except TypeError:  # nothing that JSON has: it is left unsaid
            continue
    return {**schema, "$defs": named} if named else schema
