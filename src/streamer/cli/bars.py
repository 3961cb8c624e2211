"""Events on a terminal: a bar for each task, a line for everything else."""

from __future__ import annotations

import math
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.text import Text

from ..client import Received

_MARKS: Final = {
    "completed": ("✓", "green"),
    "error": ("✗", "red"),
    "gap": ("…", "yellow"),
    "end": ("■", "dim"),
}
#: Fields that every event has, or that its line shows anyway.
_KNOWN: Final = frozenset(
    {"id", "type", "topic", "timestamp", "project_id", "job_id", "task_name", "attempt"}
)
#: Seconds within a day at which an ISO timestamp's time of day stands.
_TIME_OF_DAY: Final = slice(11, 19)
#: Characters of a field that are worth a line, or room beside the bars.
_LONGEST: Final = 60
#: What a terminal obeys or ends a line at: whoever may publish must not move its cursor.
_CONTROLS: Final = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)), "\ufffd"),
    **dict.fromkeys((0x09, 0x0A, 0x0D, 0x85, 0x2028, 0x2029), " "),
}


class Bars:
    """Show events on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress: Final = Progress(
            # A publisher's words are no markup: "[/b]" would end all of it.
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            Elapsed(),
            TextColumn("{task.fields[message]}", style="dim", markup=False),
            console=console or Console(highlight=False),
        )
        self._tasks: Final[dict[tuple[str, str], TaskID]] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def event(self, event: Received) -> None:
        """Move a bar, or write a line."""
        fields = event.fields()
        match event.type:
            case "connected":
                self._connected(fields)
            case "progress":
                self._moved(fields)
            case "caught_up" | "reconnect" | "pong":
                pass
            case _:
                if event.type == "completed":
                    self._moved(fields | {"progress": 1.0})
                self._line(event.type, fields)

    def reconnecting(self, reason: str, seconds: float) -> None:
        """Tell that the connection is lost, and when it is tried again."""
        text = Text(f"{reason}; back in {seconds:.1f} s", style="yellow")
        self._progress.console.print(text)

    def _connected(self, fields: dict[str, Any]) -> None:
        snapshots = _object(fields.get("snapshots")) or {"": fields.get("snapshot")}
        for topic, snapshot in snapshots.items():
            for body in _object(_object(snapshot).get("tasks")).values():
                if isinstance(body, dict) and body.get("type") == "progress":
                    self._moved({"topic": topic or fields.get("topic"), **body})

    def _moved(self, fields: dict[str, Any]) -> None:
        topic = _plain(fields.get("topic") or "")
        name = _short(fields.get("task_name") or fields.get("job_id") or topic)
        message = _short(fields.get("message") or "")
        task = self._tasks.get((topic, name))
        if task is None:
            task = self._progress.add_task(name, total=1.0, message=message)
            self._tasks[topic, name] = task
        self._progress.update(
            task, completed=_fraction(fields.get("progress")), message=message, refresh=True
        )

    def _line(self, event_type: str, fields: dict[str, Any]) -> None:
        mark, style = _MARKS.get(event_type, ("·", "cyan"))
        rest = " ".join(
            f"{_short(name)}={_short(value)}"
            for name, value in fields.items()
            if name not in _KNOWN and value not in (None, {}, [])
        )
        self._progress.console.print(
            Text.assemble(
                (_plain(fields.get("timestamp") or "")[_TIME_OF_DAY] or " " * 8, "dim"),
                f" {mark} ",
                (_plain(event_type), style),
                " ",
                (_short(fields.get("task_name") or ""), "bold"),
                " " if fields.get("task_name") else "",
                rest,
            )
        )


def _object(value: object) -> dict[str, Any]:
    """The object, or an empty one: an older server's snapshot may hold anything."""
    return value if isinstance(value, dict) else {}


def _fraction(value: object) -> float:
    """How far a task is, 0.0 to 1.0; 0.0 for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return 0.0
    return float(min(1, max(0, value)))


def _plain(value: object) -> str:
    """Text that a terminal shows and does not obey."""
    return str(value).translate(_CONTROLS)


def _short(value: object) -> str:
    text = _plain(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
