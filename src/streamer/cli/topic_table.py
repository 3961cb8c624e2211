"""Topics as a table, for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from .amounts import number, size, span
from .job_table import age
from .plain import plain

#: Each column, and how many characters of a terminal there must be for it.
_COLUMNS: Final = {
    "TOPIC": 0,
    "EVENTS": 0,
    "SIZE": 0,
    "NEWEST": 0,
    "EXPIRES": 72,
    "READERS": 60,
}
_GAP: Final = 2
#: Below so many characters the topics of jobs need what stands between the columns.
_ROOMY: Final = 96


def show_topics(topics: Iterable[Mapping[str, Any]], console: Console, now: datetime) -> None:
    """Print them, each on a line, no wider than the terminal."""
    gap = _GAP if console.width >= _ROOMY else 1
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="dim", pad_edge=False)
    names = [name for name, least in _COLUMNS.items() if console.width >= least]
    for name in names:
        justify: JustifyMethod = "left" if name == "TOPIC" else "right"
        # What may be wrapped gives way first: a long topic is cut, and no number.
        is_cut = name == "TOPIC"
        table.add_column(name, no_wrap=not is_cut, overflow="ellipsis", justify=justify)
    for topic in topics:
        cells = {
            "TOPIC": Text(plain(topic["topic"]), "bold"),
            "EVENTS": Text(number(topic["events"])),
            "SIZE": Text(size(topic["bytes"])),
            "NEWEST": Text(age(topic["last_at"], now)),
            "EXPIRES": Text("busy" if topic["busy"] else until(topic["expires_at"], now)),
            "READERS": Text(number(topic["readers"]) if topic["readers"] else "-", "green"),
        }
        table.add_row(*(cells[name] for name in names))
    console.print(table)


def until(at: object, now: datetime) -> str:
    """How long it is until then, in its largest unit."""
    if not isinstance(at, str):
        return "-"
    try:
        then = datetime.fromisoformat(at)
    except ValueError:  # of another version
        return "-"
    return f"in {span((then.astimezone(UTC) - now).total_seconds())}"
