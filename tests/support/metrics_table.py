"""The table of docs/METRICS.md, made from the code: ``make docs`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streamer.prometheus.families import FAMILIES, Family

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "METRICS.md"
_BEGIN: Final = "<!-- metrics: begin; written by make docs -->\n"
_END: Final = "<!-- metrics: end -->"


def with_current_table(text: str) -> str:
    """`text` of the document, with the table of the code between its two marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, "the document has lost the mark where its table of metrics begins"
    assert end, "the document has lost the mark where its table of metrics ends"
    table = "\n".join(
        ["| metric | kind | labels | what it is |", "|---|---|---|---|", *map(_row, FAMILIES)]
    )
    return f"{before}{begin}{table}\n{end}{after}"


def _row(family: Family) -> str:
    kind = f"{family.kind} of the log" if family.of_log else family.kind
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.sample}` | {kind} | {labels} | {family.help} |"


if __name__ == "__main__":
    DOCUMENT.write_text(with_current_table(DOCUMENT.read_text("utf-8")), "utf-8")
