"""Events on a terminal: a bar for each job, a line for everything else."""

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
#: Types, but for progress, that a bar shows something of.
_BAR_OF: Final = frozenset({"status", "error", "completed"})
#: States that a job begins with, or begins again.
_NEW: Final = ("queued", "started")
#: States of a job that is not over.
_RUNNING: Final = ("queued", "running", "retrying", "stalled")
#: Bars at most: as many as a terminal of usual height has room for, beside some lines.
MAX_BARS: Final = 16
#: Characters of a job's id that tell it from the others on a screen.
_ID_LENGTH: Final = 8
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
            # A publisher's words are not markup: "[/b]" would end all of it.
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            Elapsed(),
            TextColumn("{task.fields[message]}", style="dim", markup=False),
            console=console or Console(highlight=False),
        )
        # The one whose last event is oldest first.
        self._tasks: Final[dict[tuple[str, str], TaskID]] = {}
        self._snapshots: dict[str, dict[str, Any]] = {}

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
                self._snapshots = _snapshots_of(fields)
                # A stream that resumes has shown this already, or is about to.
                if not fields.get("resumed"):
                    self._show_snapshots()
            case "progress":
                self._moved(fields)
            case "caught_up" | "reconnect" | "pong" | "expiring" | "expired" | "refreshed":
                pass
            case _:
                if event.type == "gap":
                    self._show_snapshots()
                elif event.type in _BAR_OF:
                    self._ended(event.type, fields)
                self._line(event.type, fields)

    def reconnecting(self, reason: str, seconds: float) -> None:
        """Report a lost connection, and when the next attempt is."""
        text = Text(f"{reason}; back in {seconds:.1f} s", style="yellow")
        self._progress.console.print(text)

    def _show_snapshots(self) -> None:
        for topic, snapshot in self._snapshots.items():
            jobs = _object(snapshot.get("jobs"))
            for job_id, job in jobs.items():
                state = _object(job)
                if state.get("status") in _RUNNING:
                    self._moved({**state, "topic": topic, "job_id": job_id})
            for body in _object(snapshot.get("tasks")).values():
                task = _object(body)
                if task.get("type") == "progress" and str(task.get("job_id")) not in jobs:
                    self._moved({"topic": topic, **task})

    def _ended(self, event_type: str, fields: dict[str, Any]) -> None:
        """Show an event other than progress on a job's bar, or on one that exists."""
        if event_type == "completed":
            self._moved(fields | {"progress": 1.0})
            return
        status = "failed" if event_type == "error" else fields.get("status")
        is_new = status in _NEW and bool(fields.get("job_id"))
        if is_new or _key_of(fields) in self._tasks:
            begun = {"progress": 0.0} if status in _NEW else {}
            self._moved({"message": status, **fields, **begun})

    def _moved(self, fields: dict[str, Any]) -> None:
        key = _key_of(fields)
        message = _short(fields.get("message") or "")
        task = self._tasks.pop(key, None)
        if task is None:
            name = _short(fields.get("task_name") or fields.get("job_id") or key[1])
            job_id = fields.get("job_id")
            if job_id and fields.get("task_name"):
                name = f"{name} {_plain(job_id)[:_ID_LENGTH]}"
            self._make_room()
            task = self._progress.add_task(name, total=1.0, message=message)
        self._tasks[key] = task
        completed = _fraction(fields["progress"]) if "progress" in fields else None
        self._progress.update(task, completed=completed, message=message, refresh=True)

    def _make_room(self) -> None:
        while len(self._tasks) >= MAX_BARS:
            # The one whose last event is oldest: of those that are full, if any is.
            full = (key for key, task in self._tasks.items() if self._is_full(task))
            key = next(full, next(iter(self._tasks)))
            self._progress.remove_task(self._tasks.pop(key))

    def _is_full(self, task: TaskID) -> bool:
        return self._progress.tasks[self._progress.task_ids.index(task)].finished

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


def _snapshots_of(connected: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The snapshots of a ``connected``, by topic."""
    several = _object(connected.get("snapshots"))
    if several:
        return {topic: _object(snapshot) for topic, snapshot in several.items()}
    return {_plain(connected.get("topic") or ""): _object(connected.get("snapshot"))}


def _key_of(fields: dict[str, Any]) -> tuple[str, str]:
    """What tells one bar from another: the job, or else the task of a topic."""
    if fields.get("job_id"):
        return ("", _plain(fields["job_id"]))
    topic = _plain(fields.get("topic") or "")
    return (topic, _plain(fields.get("task_name") or topic))


def _object(value: object) -> dict[str, Any]:
    """The object, or an empty one: an older server's snapshot may hold anything."""
    return value if isinstance(value, dict) else {}


def _fraction(value: object) -> float:
    """How far a task is, 0.0 to 1.0; 0.0 for what is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return 0.0
    return float(min(1, max(0, value)))


def _plain(value: object) -> str:
    """Text that a terminal shows and does not obey."""
    return str(value).translate(_CONTROLS)


def _short(value: object) -> str:
    text = _plain(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
