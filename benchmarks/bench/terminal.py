"""The tables as they are printed while and after measuring."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .figures import bound, per_cpu, reached, shown, word
from .outcome import medians
from .results import Measured, Results
from .scenarios import Scenario
from .servers import SERVERS

#: Wide enough for every table where it is no terminal that says how wide it is.
_WIDTH = 150

console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH)


def print_scenario(scenario: Scenario, measured: Measured) -> None:
    table = Table(
        title=scenario.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        caption=_caption(measured),
        caption_justify="left",
    )
    table.add_column("server", no_wrap=True)
    columns = scenario.columns
    for heading in columns.values():
        table.add_column(heading, justify="right")
    found = medians(measured.runs)
    for server in scenario.servers:
        title = SERVERS[server].title
        style = "bold green" if server == "streamer" else ""
        if server in found:
            values = [shown(name, found[server].get(name)) for name in columns]
            table.add_row(title, *values, style=style)
    console.print(table)
    for server, reason in measured.skipped.items():
        console.print(f"  [yellow]{SERVERS[server].title}: {reason}[/]")


def _caption(measured: Measured) -> str:
    said = f"medians of {len(measured.runs)} runs of {measured.seconds:g} s"
    if measured.most_readers is not None:
        said += f"; a quick look: at most {measured.most_readers:,} readers"
    return said


def print_verdicts(results: Results) -> None:
    table = Table(title="What must be reached", title_style="bold", box=box.SIMPLE_HEAD)
    for heading in ("scenario", "must reach", "reached", "per CPU s", ""):
        right = heading in {"reached", "per CPU s"}
        table.add_column(heading, justify="right" if right else "left")
    colours = {True: "green", False: "red", None: "dim"}
    for scenario, measured in results.known():
        name = scenario.title
        for _, verdict in measured.verdicts(scenario):
            said = Text(word(verdict), style=colours[verdict.met])
            table.add_row(name, bound(verdict), reached(verdict), per_cpu(verdict), said)
            name = ""
        table.add_section()
    console.print(table)
