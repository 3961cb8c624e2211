"""Measure Streamer and its peers; print the table, write `RESULTS.md` and the chart."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from bench import chart, load, machine, markdown, redis, terminal
from bench.arena import arena
from bench.outcome import Figures
from bench.results import Measured, Results
from bench.scenarios import FULL, QUICK, SCENARIOS, SMOKE, Plan, Scenario
from bench.servers import SERVERS

_HERE = Path(__file__).parent
_RESULTS = _HERE / "results.json"
_TABLES = _HERE / "RESULTS.md"
_CHART = _HERE.parent / "docs" / "images" / "fanout.svg"


def main() -> int:
    given = _arguments()
    if (reason := load.missing()) is not None:
        print(f"the load generator is written in C and there is {reason}", file=sys.stderr)
        return 2
    plan = SMOKE if given.smoke else QUICK if given.quick else FULL
    if given.runs:
        plan = Plan(given.runs, plan.seconds, plan.most_readers)
    layout = machine.layout(shared=given.smoke)
    machine.raise_file_limit()
    results = Results() if given.quick or given.smoke else Results.load(_RESULTS)
    results.machine = machine.describe()
    results.layout = layout.describe()
    failed = False
    for name in given.scenario or SCENARIOS:
        scenario = SCENARIOS[name]
        measured = measure(scenario, plan, given.server, layout)
        failed |= not any(measured.runs)
        results.scenarios[name] = measured
        terminal.print_scenario(scenario, measured)
        if not (given.quick or given.smoke):
            write(results)
    terminal.print_verdicts(results)
    if given.json:
        print(msgspec.json.encode(results).decode())
    return 1 if failed else 0


def measure(
    scenario: Scenario, plan: Plan, only: list[str] | None, layout: machine.Layout
) -> Measured:
    """Run a scenario against its servers in turn, `plan.runs` times."""
    measured = Measured(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=_version(),
        seconds=plan.seconds,
        most_readers=None if plan.most_readers == FULL.most_readers else plan.most_readers,
    )
    chosen = [name for name in scenario.servers if not only or name in only]
    for name in chosen:
        server = SERVERS[name]
        reason = server.missing() or (redis.missing() if server.needs_redis else None)
        if reason is not None:
            measured.skipped[name] = reason
    for number in range(plan.runs):
        run: dict[str, Figures] = {}
        for name in chosen:
            if name in measured.skipped:
                continue
            said = f"{scenario.title}, run {number + 1} of {plan.runs}: {SERVERS[name].title}"
            with terminal.console.status(said):
                start = time.monotonic()
                try:
                    with arena(SERVERS[name], layout) as running:
                        run[name] = scenario.measure(running, plan)
                except RuntimeError as error:
                    measured.skipped[name] = f"failed: {str(error).strip()[:500]}"
            terminal.console.print(f"[dim]{said}, {time.monotonic() - start:.0f} s[/]")
        measured.runs.append(run)
    return measured


def write(results: Results) -> None:
    results.save(_RESULTS)
    _TABLES.write_text(markdown.render(results))
    _CHART.parent.mkdir(parents=True, exist_ok=True)
    _CHART.write_text(chart.render(results))


def _version() -> str:
    described = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=_HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = described.stdout.strip()
    return f"commit {commit}" if commit else "no commit"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short runs; writes nothing")
    parser.add_argument("--smoke", action="store_true", help="does it run at all; writes nothing")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), metavar="NAME")
    parser.add_argument("--server", action="append", choices=list(SERVERS), metavar="NAME")
    parser.add_argument("--runs", type=int, help="of each server in each scenario")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
