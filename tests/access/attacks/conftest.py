"""What every attack begins with: a server with something in it that is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.victims import VictimStage


@pytest.fixture
def house(tmp_path: Path) -> Iterator[VictimStage]:
    stage = VictimStage(tmp_path)
    yield stage
    faults = list(stage.loop.faults)
    stage.end()
    assert faults == []
