"""The floods run against a server of this tree, and the table says what they cost."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.waiting import LONG_DEADLINE

_FLOODS = Path(__file__).parents[2] / "benchmarks" / "floods.py"


@pytest.mark.parametrize("flood", ["pings", "slow_heads", "topics"])
def test_a_tiny_flood_is_measured(flood: str, tmp_path: Path) -> None:
    """The others are served before it and under it, and the flooder reports what it got."""
    saved = tmp_path / "floods.json"
    done = subprocess.run(
        [sys.executable, str(_FLOODS), "--smoke", "--flood", flood, "--save", str(saved)],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    (cost,) = json.loads(saved.read_text()).values()
    assert cost["alone"] > 0
    assert cost["flooded"] > 0
    assert cost["fresh"] == cost["fresh_of"] == 2
    assert cost["closed"] == 0
    assert cost["got"]


def _cost(**changes: Any) -> Any:  # noqa: ANN401 - the benchmark is no package
    measured = {
        "alone": 1000.0,
        "flooded": 950.0,
        "wait_alone": 0.001,
        "wait_flooded": 0.0125,
        "failed": 0,
        "closed": 0,
        "fresh": 20,
        "fresh_of": 20,
        "memory": 3_000_000,
        "cpu_alone": 0.3,
        "cpu_flooded": 0.5,
        "load_cpu": 0.4,
        "got": {"408, cut": 300, "kB sent": 2500, "cut": 0},
    }
    return importlib.import_module("bench.floods.measure").Cost(**measured | changes)


def test_the_table_has_what_was_before_beside_what_is_now() -> None:
    """A figure of both trees is shown as before and after; of one, by itself."""
    render = importlib.import_module("bench.floods.table").render
    before = _cost(flooded=0.0, wait_flooded=7.0, fresh=0, memory=78_000_000, got={"cut": 1})
    row = render({"slow_heads": _cost()}, {"slow_heads": before}).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "300 heads, a byte each half second"
    assert cells[1:6] == [
        "0.00 → 0.95",
        "7,000 → 12 ms",
        "0/20 → 20/20",
        "78 → 3 MB",
        "0.50 → 0.50",
    ]
    assert cells[6] == (
        "1 \N{MULTIPLICATION SIGN} cut → 300 \N{MULTIPLICATION SIGN} 408, cut, 2.5 MB sent"
    )
    alone = render({"slow_heads": _cost()}, {}).splitlines()[2]
    assert "→" not in alone
