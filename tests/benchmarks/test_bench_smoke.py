"""The benchmark runs, and what it prints follows from what it measured."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from support.requirements import needs
from support.waiting import LONG_DEADLINE

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("scenario", ["sse", "websocket"])
def test_the_smallest_scenario_runs_against_the_bare_server(scenario: str) -> None:
    """Nothing is lost between the bare loop and the readers, and everything is measured."""
    done = subprocess.run(
        [
            *(sys.executable, str(_BENCHMARKS / "run.py"), "--smoke", "--json"),
            *("--scenario", scenario, "--server", "bare"),
        ],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["scenarios"][scenario]
    (run,) = measured["runs"]
    figures = run["bare"]
    assert figures["faults"] == 0
    assert figures["per_second"] > 0
    assert figures["paced_p99_ms"] > 0
    assert abs(figures["event_bytes"] - 250) < 10


@pytest.mark.parametrize("scenario", ["publish", "publish-100"])
def test_publishes_are_counted_where_nobody_reads(scenario: str) -> None:
    needs("redis-server")
    done = subprocess.run(
        [
            *(sys.executable, str(_BENCHMARKS / "run.py"), "--smoke", "--json"),
            *("--scenario", scenario, "--server", "streamer", "--server", "streamer-framework"),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["scenarios"][scenario]["runs"]
    assert all(run[name]["per_second"] > 0 for name in ("streamer", "streamer-framework"))


@pytest.mark.parametrize("scenario", ["inboxes", "inboxes-sse"])
def test_a_few_inboxes_are_notified_one_by_one_and_all_at_once(scenario: str) -> None:
    """Nothing is lost, whoever it is for, and every cost is measured."""
    needs("redis-server")
    done = subprocess.run(
        [
            *(sys.executable, str(_BENCHMARKS / "run.py"), "--smoke", "--json"),
            *("--scenario", scenario),
        ],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["scenarios"][scenario]
    assert measured["skipped"] == {}
    (run,) = measured["runs"]
    assert run["streamer-inboxes"]["faults"] == run["bare"]["faults"] == 0
    costs = {"kilobytes_each", "one_us", "one_redis_us", "admins_us", "everybody_us", "unread_us"}
    assert costs <= set(run["streamer-inboxes"])
    assert run["streamer-inboxes"]["one_p99_ms"] > 0
    assert run["streamer-inboxes"]["per_second"] > 0
    assert run["bare"]["per_second"] > 0


@pytest.mark.parametrize(
    ("plain", "coded"),
    [("streamer", "streamer-gzip"), ("streamer-websocket", "streamer-deflate")],
)
def test_compressed_streams_are_decoded_and_weighed(plain: str, coded: str) -> None:
    """Nothing is lost or doubled, whoever comes or lags, and the bytes are fewer."""
    run = _compressed(plain, coded)
    assert run[plain]["faults"] == run[coded]["faults"] == 0
    assert abs(run[plain]["event_bytes"] - run[coded]["event_bytes"]) < 1
    assert run[plain]["wire_bytes"] > run[plain]["event_bytes"] - 1  # frames have no more
    assert run[coded]["wire_bytes"] < run[plain]["wire_bytes"] / 2


@pytest.mark.parametrize(
    ("server", "program"),
    [
        ("nginx-gzip", "nginx"),
        ("queue-per-reader-gzip", None),
        ("queue-per-reader-deflate", None),
    ],
)
def test_who_compresses_for_each_reader_is_given_events_as_large(
    server: str, program: str | None
) -> None:
    """A server that adds nothing to an event is published one that says as much as ours."""
    if program is not None:
        needs(program)
    figures = _compressed(server)[server]
    assert figures["faults"] == 0
    assert 340 < figures["event_bytes"] < 400
    assert figures["wire_bytes"] < figures["event_bytes"] / 2


def _compressed(*servers: str) -> dict[str, dict[str, float]]:
    """What the smallest run of the scenario measured of `servers`."""
    needs("redis-server")
    done = subprocess.run(
        [
            *(sys.executable, str(_BENCHMARKS / "run.py"), "--smoke", "--json"),
            *("--scenario", "compressed", *(f"--server={name}" for name in servers)),
        ],
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run: dict[str, dict[str, float]]
    (run,) = json.loads(done.stdout)["scenarios"]["compressed"]["runs"]
    return run


def test_ratios_are_taken_within_a_run_and_then_the_median() -> None:
    """A run in which both were slow counts as much as one in which both were fast."""
    outcome = importlib.import_module("bench.outcome")
    runs = [
        {"streamer": {"per_second": ours}, "nchan": {"per_second": theirs}}
        for ours, theirs in ((30, 10), (300, 200), (400, 100))
    ]
    needed = outcome.Requirement(says="of Nchan", figure="per_second", factor=3.5, against="nchan")
    verdict = outcome.judge(needed, [*runs, {"nchan": {"per_second": 1}}])
    assert verdict.value == 3.0
    assert verdict.met is False
    assert outcome.judge(needed, []).met is None


def test_the_report_and_the_chart_show_what_was_measured() -> None:
    """`RESULTS.md` has the ratios and the figures; the chart is well-formed SVG."""
    results = importlib.import_module("bench.results")
    runs = [
        {
            "streamer": {"per_second": 250_000.0, "load_cpu": 0.4},
            "nchan": {"per_second": 125_000.0, "load_cpu": 0.5},
            "bare": {"per_second": 300_000.0, "load_cpu": 0.6},
        }
    ]
    measured = results.Measured(when="2026-01-01", version="commit 0", seconds=3, runs=runs)
    given = results.Results(layout="Servers on core 0", scenarios={"sse": measured})

    report = importlib.import_module("bench.markdown").render(given)
    assert "≥ 1.5 \N{MULTIPLICATION SIGN} Nchan without Redis | 2 |" in report
    assert "250,000" in report
    assert "300,000 deliveries/s with 60 % of the generator's core" in report

    drawn = ET.fromstring(importlib.import_module("bench.chart").render(given))
    shown = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "Streamer" in shown
    assert "125,000" in shown
