"""docs/METRICS.md says what the code counts."""

from __future__ import annotations

from support.metrics_table import DOCUMENT, with_current_table


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_current_table(text) == text, "write it again: make docs"
