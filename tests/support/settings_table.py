"""The table of docs/SETTINGS.md, made from the code: ``make docs`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streamer.config.settings import SETTINGS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "SETTINGS.md"
_BEGIN: Final = "<!-- settings: begin; written by make docs -->\n"
_END: Final = "<!-- settings: end -->"


def with_current_table(text: str) -> str:
    """`text` of the document, with the table of the code between its two marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, "the document has lost the mark where its table of settings begins"
    assert end, "the document has lost the mark where its table of settings ends"
    rows = [
        f"| `{setting.variable}` | {f'`{setting.default}`' if setting.default else ''} "
        f"| {setting.help} |"
        for setting in SETTINGS.values()
    ]
    table = "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])
    return f"{before}{begin}{table}\n{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_current_table(DOCUMENT.read_text("utf-8")), "utf-8")
