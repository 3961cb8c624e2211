"""``streamer check``: every setting, where it is from, and what can be reached."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import rich_click as click
from click import get_current_context
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..config.settings import SETTINGS, Settings
from .command import Command
from .finding import Finding
from .options import GIVEN, misspelt, with_settings
from .probes import probe_all
from .public_probes import probe_public

_MARKS: Final = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("!", "yellow")}
#: Columns when nobody's terminal says: a log file or a pipe wraps nothing.
_WIDE: Final = 160


@click.command(cls=Command)
@with_settings(*SETTINGS)
def check(settings: Settings) -> None:
    """Show every setting and where it comes from, and try what it points to.

    The exit code is 1 if something that is needed is missing.
    """
    given = get_current_context().meta[GIVEN]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    _show(console, _settings_table(settings, given))
    findings = [Finding(name, why, good=None) for name, why in misspelt().items()]
    findings += probe_all(settings)
    # One that `tail` goes to by itself says nothing of whether this may be started.
    if "url" in given:
        findings += probe_public(settings)
    _show(console, _findings_table(findings))
    sys.exit(1 if any(finding.good is False for finding in findings) else 0)


def _show(console: Console, table: Table) -> None:
    # By click: of a pipe that nobody reads any more, Rich makes an exit code of its own.
    with console.capture() as written:
        console.print(table)
    click.echo(written.get(), nl=False)


def _settings_table(settings: Settings, given: frozenset[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    for heading in ("Setting", "Value", "From", "What it is"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "Setting")
    for setting in SETTINGS.values():
        value = setting.shown(setting.text(getattr(settings, setting.name)))
        source, style = "default", "dim"
        if setting.name in given:
            source, style = "option", "bold"
        elif os.environ.get(setting.variable):
            source, style = "variable", "bold"
        elif setting.is_secret and (path := os.environ.get(setting.file_variable)):
            source, style = path, "bold"
        shown = _from_here(value) if value.startswith("/") else value
        table.add_row(
            Text(setting.variable, style="cyan"),
            Text(shown or "not set", style=style),
            Text(source, style=style),
            Text(setting.help, style="dim"),
        )
    return table


def _findings_table(findings: list[Finding]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row()
    for finding in findings:
        mark, style = _MARKS[finding.good]
        table.add_row(Text(mark, style=style), Text(finding.what, style="bold"), finding.found)
    return table


def _from_here(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
