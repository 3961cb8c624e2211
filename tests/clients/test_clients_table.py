from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client_matrix import CLIENTS, IN_BROWSERS, Client
from support.client_tables import advice_list, clients_table, endings_table, rules_table

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "CLIENT-MATRIX.md"
ALL = IN_BROWSERS + CLIENTS


@pytest.mark.parametrize("written", [clients_table, advice_list, rules_table, endings_table])
def test_the_document_says_what_the_tests_run_over(written: Callable[[], str]) -> None:
    assert written() in DOCUMENT.read_text()


def test_every_adapter_is_in_the_table() -> None:
    adapters = {path.name for path in (HERE / "adapters").glob("by_*.*")}
    assert adapters == {client.adapter for client in ALL}


@pytest.mark.parametrize("client", ALL, ids=lambda client: client.title)
def test_the_code_of_an_advice_is_in_the_adapter_that_is_tested(client: Client) -> None:
    """But for the names of events, which are the server's, and what a browser calls its state."""
    adapter = (HERE / "adapters" / client.adapter).read_text()
    code = set(re.findall(r"`([^`]+)`", client.advice)) - {"end", "refused"}
    assert {one for one in code if one not in adapter} == set()
