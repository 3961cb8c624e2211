"""What a document says to type works in zsh as in sh: there a `?` that matches no file fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")]
)
_BLOCK: Final = re.compile(r"^```(\S*).*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


def typed(text: str) -> list[str]:
    """Each curl and pip that a document shows, on a line of its own or within one."""
    lines = [
        line.removeprefix("$ ")
        for language, block in _BLOCK.findall(text)
        if language in ("sh", "console")
        for line in block.splitlines()
    ]
    lines += re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    return [line for line in lines if line.startswith(("curl ", "pip "))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_shell_might_take_for_a_pattern_is_quoted(document: str) -> None:
    for command in typed((ROOT / document).read_text(encoding="utf-8")):
        assert not re.search(r"[?*\[]", _QUOTED.sub("", command)), command
