"""docs/API.md lists what is public, and nothing else."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import streamer

TEXT = (Path(__file__).parents[2] / "docs" / "API.md").read_text(encoding="utf-8")


def test_the_document_has_a_section_for_each_public_name_and_for_no_other() -> None:
    listed = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert sorted(listed) == sorted(streamer.__all__)


def test_every_section_says_what_the_name_is_for() -> None:
    sections = re.findall(r"^### `(\w+)`\n\n(.+)$", TEXT, re.MULTILINE)
    assert len(sections) == len(streamer.__all__)
    assert all(said.endswith(".") for _, said in sections)


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    """The reference of the site is made of them."""
    for name in streamer.__all__:
        value = getattr(streamer, name)
        if getattr(value, "__module__", "").startswith("streamer."):
            assert inspect.getdoc(value), name
