"""What was measured, kept as JSON so that one scenario can be measured anew."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .outcome import Figures, Requirement, Verdict, judge
from .scenarios import SCENARIOS, Scenario


class Measured(msgspec.Struct):
    """All runs of one scenario; in each run, figures by server."""

    when: str
    version: str
    seconds: float
    #: Readers at most: a quick look is scaled down.
    most_readers: int | None = None
    runs: list[dict[str, Figures]] = []
    #: Servers that could not be measured, and why.
    skipped: dict[str, str] = {}

    def verdicts(self, scenario: Scenario) -> list[tuple[Requirement, Verdict]]:
        return [(needed, judge(needed, self.runs)) for needed in scenario.requirements]


class Results(msgspec.Struct):
    """Everything that `RESULTS.md` and the chart are made from."""

    machine: dict[str, str] = {}
    layout: str = ""
    scenarios: dict[str, Measured] = {}

    @classmethod
    def load(cls, path: Path) -> Results:
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else cls()

    def save(self, path: Path) -> None:
        rounded = msgspec.to_builtins(self)
        for measured in rounded["scenarios"].values():
            measured["runs"] = [
                {
                    server: {name: float(f"{value:.5g}") for name, value in figures.items()}
                    for server, figures in run.items()
                }
                for run in measured["runs"]
            ]
        path.write_bytes(msgspec.json.format(msgspec.json.encode(rounded)) + b"\n")

    def known(self) -> list[tuple[Scenario, Measured]]:
        """The scenarios measured so far, in the order of the table."""
        return [
            (scenario, self.scenarios[name])
            for name, scenario in SCENARIOS.items()
            if name in self.scenarios
        ]
