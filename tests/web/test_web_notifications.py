"""The bell where there is no browser: on a server, and what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.front_end import bundle
from support.requirements import needs
from support.waiting import LONG_DEADLINE

HERE = Path(__file__).parent


@pytest.mark.parametrize("react", [18, 19])
def test_the_bell_keeps_its_promises_where_there_is_no_browser(tmp_path: Path, react: int) -> None:
    tests = tmp_path / "components.cjs"
    entry = HERE / "notifications-components.mjs"
    bundle(entry, tests, "--platform=node", "--format=cjs", react=react)
    run = subprocess.run(
        [needs("node"), "--test", "--test-reporter=tap", tests],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n# pass 5" in run.stdout, run.stdout
