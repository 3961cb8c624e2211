"""docs/SECURITY.md: every threat has something that stands against it, and a test that tries it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from streamer.config.settings import SETTINGS

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")

#: What the issue of access asks for, by a word that its line holds.
ASKED_FOR: Final = (
    *("forged", "expired", "alg: none", "key confusion", "for somebody else", "a token in a line"),
    *("projects/../users/7", "%2F", "look-alikes", "case", "`*` and `**`", "CRLF, NUL"),
    *("opens a WebSocket", "opens an EventSource", "POST", "DNS rebinding"),
    *("a head, a body or a handshake", "subscribe-flood", "where they may only read"),
    *("users/{id}", "over SSE, WebSocket, poll", "beside what is theirs", "by status, counts"),
    *("the list of jobs", "idempotency key", "Last-Event-ID", "the time it takes"),
)


def rows() -> list[tuple[str, str, str]]:
    """The lines of the tables of threats: threat, defence, tests."""
    table = DOCUMENT.partition("## Threat, defence, test")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    cells = [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]
    assert {len(row) for row in cells} == {3}
    return [(a, b, c) for a, b, c in cells if a != "threat"]


@cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_every_threat_is_tried_by_tests_that_exist(row: tuple[str, str, str]) -> None:
    threat, defence, tried_by = row
    assert threat
    assert defence
    named = re.findall(r"`([^`]+)::([^`]+)`", tried_by)
    assert named, "nothing tries it"
    assert ", ".join(f"`{file}::{test}`" for file, test in named) == tried_by
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert test.startswith("test_")
        assert test in names_in(path), f"{file} has no {test}"


def test_every_threat_that_was_asked_for_is_there() -> None:
    threats = "\n".join(threat for threat, _, _ in rows())
    assert [words for words in ASKED_FOR if words not in threats] == []


def test_every_attack_is_in_the_document() -> None:
    """Whoever writes one says what it stands for."""
    tried = "\n".join(tests for _, _, tests in rows())
    for file in sorted((ROOT / "tests" / "access" / "attacks").glob("test_*.py")):
        assert file.name in tried, f"{file.name} is named in no line"


def test_every_setting_that_it_names_exists() -> None:
    named = set(re.findall(r"`(STREAMER_[A-Z_]+)", DOCUMENT)) - {"STREAMER_AUTH_"}
    assert named <= {setting.variable for setting in SETTINGS.values()}


def test_every_document_that_it_leads_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENT):
        assert (ROOT / "docs" / target).exists(), target


def test_it_is_found_from_where_people_begin() -> None:
    for name in ("README.md", "SECURITY.md"):
        assert "(docs/SECURITY.md)" in (ROOT / name).read_text(encoding="utf-8"), name
