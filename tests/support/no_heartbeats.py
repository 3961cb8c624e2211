"""For tests that compare what two ways write, one after the other."""

from __future__ import annotations

import pytest

from streamer.hub.reader import Reader


@pytest.fixture
def no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by the clock, to whichever of the two is under way then."""
    monkeypatch.setattr(Reader, "beat", lambda *_: None)
