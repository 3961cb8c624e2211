"""What every fuzz test demands of the server: that it lives, and that nothing was unforeseen."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.live import Live


@pytest.fixture
def fuzzed(live_server: Live) -> Iterator[Live]:
    """The shared server; after the test it is the same process, and logged no traceback."""
    program = live_server.program
    assert program is not None
    before = len(program.err)
    yield live_server
    assert program.running, str(program)
    assert httpx.get(f"{live_server.url}/healthz", trust_env=False).is_success
    logged = program.err[before:]
    # uvicorn logs text that is not UTF-8 with a traceback, and closes with 1007.
    unforeseen = logged.count("Traceback") - logged.count("Invalid UTF-8 sequence received")
    assert unforeseen == 0, logged
