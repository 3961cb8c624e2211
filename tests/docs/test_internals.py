"""CONTRIBUTING and INTERNALS name what is there: rooms, files, and how many a change touches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from test_imports import DOORS, ROOMS

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "streamer"
CONTRIBUTING: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DOCUMENTS: Final = ("CONTRIBUTING.md", "docs/INTERNALS.md")
#: A file or a folder: with a slash in it, or a kind of file that the project has. What a
#: change would add is written with `<name>` in it.
PATH: Final = re.compile(r"`([\w.<>/-]+/[\w.<>/-]*|[\w.-]+\.(?:py|md|lua|js|ts|toml))`")

#: What goes over the wire, or is nobody's name.
TERMS: Final = frozenset({"gap", "reset", "trimmed", "expired", "write", "print"})


def paths(text: str) -> list[str]:
    return PATH.findall(text)


def rows(section: str) -> Iterator[list[str]]:
    """The cells of the first table under a heading of CONTRIBUTING, without its head."""
    lines = CONTRIBUTING.partition(f"\n## {section}\n")[2].partition("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    yield from ([cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    named = paths((ROOT / document).read_text(encoding="utf-8"))
    missing = {
        path
        for path in named
        if "<" not in path and not any((base / path).exists() for base in (ROOT, SOURCE))
    }
    assert named
    assert not missing


def test_every_room_is_in_the_table_and_builds_on_what_it_may_know() -> None:
    shown = {
        room.strip("`/"): set() if base == "none" else set(base.split())
        for room, _, base in rows("The rooms")
    }
    assert shown.pop("web"), "the room without Python"
    assert all(shown.pop(door) == {"whatever", "it", "needs"} for door in DOORS)
    assert set(shown) == {room for room in ROOMS if (SOURCE / room).is_dir()}
    assert not {room: base - ROOMS[room] for room, base in shown.items() if base - ROOMS[room]}


def test_every_folder_of_the_sources_is_a_room_of_the_table() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders <= {room.strip("`/") for room, _, _ in rows("The rooms")}


def test_the_table_of_changes_counts_what_it_names() -> None:
    changes = list(rows("Where a change goes"))
    assert len(changes) == 13
    for change, begin, also, count in changes:
        named = paths(f"{begin} {also}")
        untouched = re.findall(r"`[^`]+` \(read only\)", f"{begin} {also}")
        assert len(set(named)) == len(named), change
        assert len(named) - len(untouched) == int(count), change


def test_every_name_of_the_code_is_in_the_code() -> None:
    """Classes, their methods and constants: what is renamed there is renamed here."""
    text = (ROOT / "docs" / "INTERNALS.md").read_text(encoding="utf-8")
    named = {
        word
        for name in re.findall(r"`((?:[A-Z]\w+\.)?[A-Za-z]\w+)(?:\([^`]*\))?`", text)
        if name not in TERMS
        for word in name.split(".")
    }
    sources = [path for base in (SOURCE, ROOT / "tests") for path in base.rglob("*.py")]
    sources.append(ROOT / "Makefile")
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text("utf-8"))}
    assert len(named) > 30
    assert not named - words


def test_every_link_of_internals_leads_to_a_file() -> None:
    text = (ROOT / "docs" / "INTERNALS.md").read_text(encoding="utf-8")
    assert all((ROOT / "docs" / target).exists() for target in re.findall(r"\]\(([^)#:]+)\)", text))
