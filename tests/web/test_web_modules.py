from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.requirements import needs
from support.waiting import LONG_DEADLINE

HERE = Path(__file__).parent


@pytest.mark.parametrize("module", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_modules_of_the_page_keep_their_promises(module: str) -> None:
    """Every test of a JavaScript module passes under node's own runner."""
    run = subprocess.run(
        [needs("node"), "--test", "--test-reporter=tap", HERE / module],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n# pass 0" not in run.stdout, "no test was run"
