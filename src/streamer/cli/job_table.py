"""Jobs as a table, for a person."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from .bars import ASCII, MARKS
from .plain import plain, short

_COLUMNS: Final = ("ID", "KIND", "STATE", "PROGRESS", "PROJECT", "UPDATED", "MESSAGE")
#: Which of them are left out where there is no room for all.
_LEAST_FIRST: Final = ("MESSAGE", "UPDATED", "PROJECT", "KIND", "PROGRESS")
#: Characters of names that are shown, at most, and of a message at least.
_MOST: Final = {"KIND": 20, "PROJECT": 20}
_SHORT_MESSAGE: Final = 12
#: Spaces between two columns.
_GAP: Final = 2
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def show_jobs(jobs: Iterable[Mapping[str, Any]], console: Console, now: datetime) -> None:
    """Print them, each on a line: no wider than the terminal, if it is one."""
    is_ascii = console.options.ascii_only
    rows = [
        {
            "ID": Text(plain(job["job_id"])),
            "KIND": Text(short(job["kind"] or "-"), "bold"),
            "STATE": _state(job, is_ascii=is_ascii),
            "PROGRESS": Text(_percent(job["progress"])),
            "PROJECT": Text(plain(job["project_id"] or "-")),
            "UPDATED": Text(age(job.get("updated_at"), now)),
            "MESSAGE": Text(short(job["error"] or job["message"] or ""), "dim"),
        }
        for job in jobs
    ]
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    names = _that_fit(rows, console.width)
    for name in names:
        justify: JustifyMethod = "right" if name in ("PROGRESS", "UPDATED") else "left"
        table.add_column(
            name, no_wrap=True, overflow="ellipsis", max_width=_MOST.get(name), justify=justify
        )
    for row in rows:
        table.add_row(*(row[name] for name in names))
    console.print(table)


def _that_fit(rows: Sequence[Mapping[str, Text]], width: int) -> list[str]:
    """The columns that there is room for: an id is there to be copied, and never cut."""

    def needs(name: str) -> int:
        widest = max(len(name), *(row[name].cell_len for row in rows))
        return min(widest, _MOST.get(name, widest)) + _GAP

    shown = list(_COLUMNS)
    for name in _LEAST_FIRST:
        if sum(map(needs, shown)) - _GAP <= width:
            break
        if name == "MESSAGE" and sum(map(needs, shown)) - needs(name) + _SHORT_MESSAGE <= width:
            break  # it is cut
        shown.remove(name)
    return shown


def age(at: object, now: datetime) -> str:
    """How long ago that was, in its largest unit: ``5s``, ``3m``, ``2h``, ``4d``."""
    if not isinstance(at, str):
        return "-"
    try:
        then = datetime.fromisoformat(at)
    except ValueError:  # of another version
        return "-"
    seconds = max(0, int((now - then.astimezone(UTC)).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _state(job: Mapping[str, Any], *, is_ascii: bool) -> Text:
    status = str(job["status"])
    mark, style = MARKS.get(status, MARKS["event"])
    attempt = job.get("attempt") or 1
    words = status + (f" ({attempt})" if attempt > 1 and status in ("running", "retrying") else "")
    if job.get("workers") == 0:
        words += ", no worker"
    return Text(f"{mark.translate(ASCII) if is_ascii else mark} {words}", style)


def _percent(progress: object) -> str:
    # 0.57 * 100 is a little less than 57.
    return f"{math.floor(progress * 100 + 1e-9)}%" if isinstance(progress, int | float) else "-"
