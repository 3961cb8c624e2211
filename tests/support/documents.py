"""What stands in documents: their fenced blocks, by what is written after the fence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
#: Where the documents say that a server is.
EXAMPLE: Final = "localhost:8000"


def document(name: str) -> str:
    """The text of a document, such as ``docs/guides/curl.md``."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, fence: str) -> list[str]:
    """The blocks of a document whose fence says exactly that, such as ``python``."""
    found: list[str] = re.findall(
        rf"^```{re.escape(fence)}\n(.*?)^```", document(name), re.MULTILINE | re.DOTALL
    )
    assert found, f"{name} has no block ```{fence}"
    return found


def file_in(name: str, path: str) -> str:
    """The file that a document shows: the block after its name, as in **`app.js`**."""
    found = re.search(
        rf"^\*\*`{re.escape(path)}`\*\*.*?\n\n```\w+\n(.*?)^```",
        document(name),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{name} shows no file {path}"
    return found[1]
