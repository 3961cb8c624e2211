"""What an actor may be asked with: read from its annotations, and made types of again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from msgspec import Meta

from streamer.jobs.offers import in_words
from streamer.jobs.parameters import parameters_of
from streamer.jobs.schema_types import struct_of


class Box(TypedDict):
    left: int
    right: NotRequired[Annotated[int, Meta(ge=0)]]


class Tree(TypedDict):
    trees: list[Tree]


#: Annotations, each with values that it takes and values that it does not.
KINDS: list[tuple[Any, list[Any], list[Any]]] = [
    (str, ["", "a"], [1, None, []]),
    (int, [0, -1], ["1", 1.5, None, True]),
    (float, [0.5, 1], ["1", None]),
    (bool, [True], [1, "true"]),
    (None, [None], [0]),
    (Any, [1, "a", None, {"a": [1]}], []),
    (int | None, [1, None], ["a"]),
    (int | str, [1, "a"], [None, 1.5]),
    (list[int], [[], [1]], [["a"], 1, {}]),
    (dict[str, list[bool]], [{}, {"a": [True]}], [{"a": True}, []]),
    (Literal["a", 2], ["a", 2], ["b", 3]),
    (Literal["a"] | None, ["a", None], ["b"]),
    (Annotated[int, Meta(ge=1, le=5, multiple_of=2)], [2, 4], [0, 3, 6]),
    (Annotated[float, Meta(gt=0, lt=1)], [0.5], [0, 1, 1.0]),
    (Annotated[str, Meta(min_length=1, max_length=2, pattern="^a")], ["a", "ab"], ["", "b", "abc"]),
    (Annotated[list[int], Meta(min_length=1, max_length=2)], [[1]], [[], [1, 2, 3]]),
    (Annotated[dict[str, int], Meta(max_length=1)], [{"a": 1}], [{"a": 1, "b": 2}]),
    (Annotated[int, Meta(description="how wide")], [1], ["a"]),
    (Box, [{"left": 1}, {"left": 1, "right": 2}], [{}, {"left": 1, "right": -1}]),
    (list[Box] | None, [None, [{"left": 1}]], [[{}], 1]),
]


def taking(annotation: object, *, default: bool) -> Callable[..., None]:
    """A function of one parameter, `it`."""

    def optional(it: object = None) -> None: ...

    def required(it: object) -> None: ...

    function = optional if default else required
    function.__annotations__["it"] = annotation
    return function


@pytest.mark.parametrize(("annotation", "taken", "refused"), KINDS, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("default", [False, True])
def test_a_server_takes_what_the_annotation_says_from_its_schema_alone(
    annotation: object, taken: list[Any], refused: list[Any], default: bool
) -> None:
    """The schema goes through JSON, as it does to a server."""
    schema = parameters_of(taking(annotation, default=default), "f").schema
    struct = struct_of(msgspec.json.decode(msgspec.json.encode(schema)))
    for value in taken:
        parameters = msgspec.convert({"it": value}, struct)
        assert msgspec.to_builtins(parameters) == {"it": value}
    for value in refused:
        with pytest.raises(msgspec.ValidationError, match=r"`\$\.it"):
            msgspec.convert({"it": value}, struct)
    with pytest.raises(msgspec.ValidationError, match="unknown field `that`"):
        msgspec.convert({"it": next(iter(taken), None), "that": 1}, struct)


def test_what_is_left_out_is_left_to_the_function() -> None:
    def function(a: int, b: list[int] = [3], *, project_id: str = "", c: Any = print) -> None:  # noqa: ANN401, B006
        """Its defaults are its own."""

    found = parameters_of(function, "f")
    assert found.takes_project
    assert found.schema["required"] == ["a"]
    assert found.schema["properties"]["b"]["default"] == [3]
    assert "default" not in found.schema["properties"]["c"]  # nothing that JSON has
    assert msgspec.to_builtins(msgspec.convert({"a": 1}, struct_of(found.schema))) == {"a": 1}


def _unannotated(a) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    pass


def _unnamed(*sources: str) -> None:
    pass


def _more(**sources: str) -> None:
    pass


def _by_place(source: str, /) -> None:
    pass


def _kind(kind: str) -> None:
    pass


def _unknown(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (_unannotated, "the parameter 'a' of draw has no annotation.*it may be str, int"),
        (_unnamed, r"draw has the parameter \*sources; a request names each"),
        (_more, r"draw has the parameter \*\*sources;"),
        (_by_place, "draw has the parameter source; a request names each"),
        (_kind, "draw has a parameter 'kind'; that is the field of a request"),
        (_unknown, "the annotations of draw cannot be read: name 'Nowhere' is not defined"),
        (taking(dt.datetime, default=False), "JSON has no datetime; it may be str"),
        (taking(set[int], default=True), r"'it' of draw is set\[int\], and JSON has no set"),
        (taking(dict[int, str], default=False), "JSON has no key that is no str"),
        (taking(list[bytes | None], default=False), "JSON has no bytes"),
        (taking(complex, default=False), "'it' of draw is complex, and JSON has no"),
        (taking(Tree, default=False), "nests deeper than 16 levels"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(
    function: Callable[..., None], why: str
) -> None:
    with pytest.raises(TypeError, match=why):
        parameters_of(function, "draw")


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"a": {"type": "date"}}},
        {"properties": {"a": {"$ref": "#/$defs/B"}}},
        {"properties": {"a": 1}},
        {
            "properties": {"a": {"$ref": "#/$defs/B"}},
            "$defs": {"B": {"properties": {"b": {"$ref": "B"}}}},
        },
    ],
)
def test_a_schema_of_another_version_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no schema of parameters"):
        struct_of(schema)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Meta(ge=1, le=4096)], "integer, at least 1, at most 4096"),
        (list[str] | None, "array of string or null"),
        (Literal["png", "webp"], '"png" or "webp"'),
        (Annotated[str, Meta(max_length=9)], "string, 0 to 9 characters"),
        (Annotated[list[int], Meta(min_length=2)], "array of integer, at least 2 items"),
        (Box, "Box"),
        (Any, "any JSON"),
    ],
)
def test_what_is_allowed_is_said_in_words(annotation: object, words: str) -> None:
    schema = parameters_of(taking(annotation, default=False), "f").schema
    assert in_words(schema["properties"]["it"]) == words
