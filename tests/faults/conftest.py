"""The stage of every fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_stage import Stage, seed_of_the_run, staged
from support.servers import Server


@pytest.fixture
def seed() -> int:
    """What decides everything random in a test."""
    return seed_of_the_run()


@pytest.fixture
def stage(own_server: Server, seed: int, short_dir: Path) -> Iterator[Stage]:
    """A Redis and a server of the test's own, with a proxy between each pair."""
    with staged(own_server, seed, short_dir) as stage:
        yield stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here: `make faults` runs it by the mark."""
    for item in items:
        if "/faults/" in item.path.as_posix():
            item.add_marker("faults")
            # A reader that gives up in the moment its connection is made leaves it to
            # the collector; asyncio has no way to take it back.
            item.add_marker(
                pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the totals of the long runs, from whichever process they ran in."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "totals" and report.when == "call":
                    terminalreporter.write_line(str(value))
