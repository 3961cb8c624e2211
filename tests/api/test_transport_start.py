"""A server that begins while its log is away: who needs no token is served all the same."""

from __future__ import annotations

import asyncio

import pytest

from streamer.config.settings import Settings
from streamer.eventlog.memory.access import MemoryAccess
from support.stage import Peer, Stage


async def _never(_access: MemoryAccess) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """One whose log does not say what was revoked."""
    monkeypatch.setattr(MemoryAccess, "revision", _never)
    monkeypatch.setattr(MemoryAccess, "revocations", _never)
    return Stage(Settings(auth_secret="only for tests, only for tests, so"))


def test_only_requests_of_the_first_seconds_wait_for_what_was_revoked(stage: Stage) -> None:
    """Were it each time, a probe would have the server restarted for as long as Redis is away."""
    first = Peer(stage, "/healthz")
    stage.settle()
    assert first.take() == b""
    stage.pass_seconds(2.5)
    stage.settle()
    assert first.take().startswith(b"HTTP/1.1 200 ")
    second = Peer(stage, "/healthz")
    stage.settle()
    assert second.take().startswith(b"HTTP/1.1 200 ")
    stage.end()
