"""What a start and a new connection cost is measured, for every kind of client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.requirements import needs
from support.waiting import LONG_DEADLINE

_ACCEPT = Path(__file__).parents[2] / "benchmarks" / "accept.py"


def test_every_kind_of_client_is_opened_streams_for() -> None:
    """How long that takes is for a quiet machine to say."""
    needs("redis-server")
    done = subprocess.run(
        [sys.executable, str(_ACCEPT), "20"],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    start, *clients = done.stdout.split("\n\n")
    assert start.startswith("a start"), done.stderr
    assert len(clients) == 4
    for client in clients:
        assert " Streamer: " in client
        assert "µs each" in client
