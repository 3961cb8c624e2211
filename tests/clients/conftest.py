"""What the tests of other people's clients stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client_runner import ClientRunner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ClientRunner]:
    with ClientRunner(tmp_path) as clients:
        yield clients
