"""Every link of every document leads to a file, and to a heading of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)


def prose(path: Path) -> str:
    """Its text without what it shows of code."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(path: Path) -> frozenset[str]:
    """The headings of a document, as the host of the repository names them in addresses."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_document_is_found_from_the_readme(document: str) -> None:
    """Straight away, or from one that is."""
    seen, wanted = set(), [ROOT / "README.md"]
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        links = re.findall(r"\]\(([^)#\s]+\.md)[^)]*\)", prose(path))
        wanted += [(path.parent / link).resolve() for link in links if not link.startswith("http")]
    assert (ROOT / document).resolve() in {path.resolve() for path in seen}


def test_every_test_that_contributing_says_runs_a_document_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Documents that are run")[2].partition("## Habits")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([\w./-]+\.\w+)`", row)}
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    guides = {f"docs/guides/{path.name}" for path in (ROOT / "docs" / "guides").iterdir()}
    assert guides <= named
