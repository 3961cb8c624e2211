"""Tabs of the AI SDK, and a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.ai_sdk import Tabs
from support.browser import browser, chromium  # noqa: F401 - fixtures of these tests alone


@pytest.fixture(scope="session")
def _tabs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tabs]:
    with Tabs(tmp_path_factory.mktemp("tabs")) as tabs:
        yield tabs


@pytest.fixture
def tabs(_tabs: Tabs) -> Tabs:
    return _tabs
