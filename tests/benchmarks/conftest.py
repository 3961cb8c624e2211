"""The benchmark is no package of ours: its directory is put on the path here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.requirements import needs

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session", autouse=True)
def _bench() -> None:
    needs("cc")
    sys.path.append(str(BENCHMARKS))
