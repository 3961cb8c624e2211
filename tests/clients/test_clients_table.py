from __future__ import annotations

from pathlib import Path

from support.client_matrix import CLIENTS, IN_BROWSERS, table

HERE = Path(__file__).parent


def test_the_document_has_the_table_that_the_tests_run_over() -> None:
    assert table() in (HERE.parents[1] / "docs" / "CLIENT-MATRIX.md").read_text()


def test_every_adapter_is_in_the_table() -> None:
    adapters = {path.name for path in (HERE / "adapters").glob("by_*.*")}
    assert adapters == {client.adapter for client in CLIENTS + IN_BROWSERS}
