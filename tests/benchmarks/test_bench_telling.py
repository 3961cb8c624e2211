"""The cost of telling is measured, each call of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.waiting import LONG_DEADLINE

_TELLING = Path(__file__).parents[2] / "benchmarks" / "telling.py"


def test_every_call_is_measured_beside_one_that_does_nothing() -> None:
    """How long they take is for a quiet machine to say, by the exit code."""
    done = subprocess.run(
        [sys.executable, str(_TELLING), "200"],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    first, *calls = done.stdout.splitlines()
    assert "does nothing" in first, done.stderr
    assert len(calls) == 10
    assert all("µs" in call and "times" in call for call in calls)
