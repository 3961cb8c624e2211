from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "RELIABILITY.md").read_text(encoding="utf-8")


def test_every_test_that_the_table_names_exists() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 20
    defined = {name for source in sources for name in re.findall(r"def (test_\w+)", source)}
    assert named <= defined, named - defined


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|deploy)/[\w/.]*)`", TEXT))))
def test_every_file_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
