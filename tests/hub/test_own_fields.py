"""Who changes what: in the hub, an object's fields are written by its own methods only.

A field that others write has no one place that says what follows from it: a session that
is live and has ended, a reader that is in a cohort which does not know it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

HUB: Final = Path(__file__).parents[2] / "src" / "streamer" / "hub"

#: What may be written though it is another's, by module, and why.
EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("reader", "writer.taker"): "a transport is no object of the hub; its contract is the field",
    ("io_uring", "self._syscall.restype"): "how ctypes is given the type of an answer",
}


def foreign_writes(source: str) -> Iterator[tuple[int, str]]:
    """The line and the field of each write to what is not `self`'s."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                field: ast.expr = node
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                field = _container(node)
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]):
                field = ast.Attribute(owner, "*", ast.Store())
            case ast.Call(func=ast.Attribute(attr="__setattr__" | "__delattr__"), args=[owner, *_]):
                field = ast.Attribute(owner, "*", ast.Store())
            case _:
                continue
        match field:
            case ast.Attribute(value=ast.Name(id="self")):
                continue
            case ast.Attribute():
                yield node.lineno, ast.unparse(field)


def _container(node: ast.expr) -> ast.expr:
    """What holds an element: ``a.b`` of ``a.b[0][1]``."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def modules() -> list[Path]:
    return sorted(HUB.glob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_nobody_writes_the_fields_of_another(path: Path) -> None:
    found = [
        f"{path.name}:{line} writes {field}"
        for line, field in foreign_writes(path.read_text(encoding="utf-8"))
        if (path.stem, field) not in EXCEPTIONS
    ]
    assert not found, "give the owner a method that is named for what happens"


def test_no_exception_is_made_that_nobody_needs() -> None:
    written = {
        (path.stem, field)
        for path in modules()
        for _, field in foreign_writes(path.read_text(encoding="utf-8"))
    }
    assert set(EXCEPTIONS) <= written


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("reader.cohort = None", "reader.cohort"),
        ("reader.session.state: State = ENDED", "reader.session.state"),
        ("feed.readers += 1", "feed.readers"),
        ("del feed.tail", "feed.tail"),
        ("a, (b, reader.asked) = 1, (2, 3)", "reader.asked"),
        ("self._readers[reader] = reader.feed = feed", "reader.feed"),
        ("for reader.slot in slots: pass", "reader.slot"),
        ("with lock as feed.reading: pass", "feed.reading"),
        ("self.session.cursor = cursor", "self.session.cursor"),
        ("self._cohorts[0].position = cursor", "self._cohorts[0].position"),
        ("feed.counts[topic] = 1", "feed.counts"),
        ("del hub.readers[0][1]", "hub.readers"),
        ("setattr(reader, name, 1)", "reader.*"),
        ("object.__setattr__(reader, 'cohort', 1)", "reader.*"),
    ],
)
def test_a_write_to_another_is_seen(source: str, field: str) -> None:
    """This test can fail: each way to write a field is found."""
    assert list(foreign_writes(source)) == [(1, field)]


@pytest.mark.parametrize(
    "source",
    [
        "self.cursor = cursor",
        "self.readers += 1",
        "del self._feeds[topics]",
        "cursor = session.cursor",
        "found[topic] = reader.cursor",
        "object.__setattr__(self, 'topics', ())",
    ],
)
def test_what_is_ones_own_is_let_through(source: str) -> None:
    assert list(foreign_writes(source)) == []
