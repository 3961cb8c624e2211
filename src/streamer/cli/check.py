"""``streamer check``: every setting, where it is from, and what can be reached."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import rich_click as click
from click import get_current_context
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..config.settings import SETTINGS, Settings
from .command import Command
from .explained import NARROW, explained
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
    rows = list(_rows(settings, given))
    is_narrow = console.width < NARROW
    _show(console, _settings_lines(rows) if is_narrow else _settings_table(rows))
    findings = [Finding(name, why, good=None) for name, why in misspelt().items()]
    findings += probe_all(settings)
    # One that `tail` goes to by itself says nothing of whether this may be started.
    if "url" in given:
        findings += probe_public(settings)
    _show(console, _findings_table(findings))
    sys.exit(1 if any(finding.good is False for finding in findings) else 0)


class _Row(NamedTuple):
    """A setting: what it is, where that is from, and how the two look."""

    variable: str
    value: str
    source: str
    style: str
    help: str


def _show(console: Console, shown: RenderableType) -> None:
    # By click: of a pipe that nobody reads any more, Rich makes an exit code of its own.
    with console.capture() as written:
        console.print(shown)
    click.echo(written.get(), nl=False)


def _rows(settings: Settings, given: frozenset[str]) -> Iterator[_Row]:
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
        yield _Row(setting.variable, shown or "not set", source, style, setting.help)


def _settings_table(rows: Sequence[_Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    for heading in ("Setting", "Value", "From", "What it is"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "Setting")
    for row in rows:
        table.add_row(
            Text(row.variable, style="cyan"),
            Text(row.value, style=row.style),
            Text(row.source, style=row.style),
            Text(row.help, style="dim"),
        )
    return table


def _settings_lines(rows: Sequence[_Row]) -> RenderableType:
    names = max(len(row.variable) for row in rows)
    return explained(
        (
            Text.assemble(
                (f"{row.variable:{names}}  ", "cyan"), (f"{row.value}  {row.source}", row.style)
            ),
            row.help,
        )
        for row in rows
    )


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
