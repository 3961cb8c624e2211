"""Reconnects without the waits that people have."""

from __future__ import annotations

import pytest


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reconnect is at once, where the server named no other time."""
    monkeypatch.setattr("streamer.client.reader._FIRST_WAIT", 0.001)
    monkeypatch.setattr("streamer.client.reader.SHORTEST_WAIT", 0.001)
    monkeypatch.setattr("streamer.client.reader.LONGEST_WAIT", 0.004)
