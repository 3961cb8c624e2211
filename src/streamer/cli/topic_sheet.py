"""All that is known of one topic, for a person."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .amounts import exactly, number, size
from .job_table import age
from .plain import plain, short
from .topic_table import until

#: Lines of jobs, and of cursors, that are shown.
_MOST: Final = 10
_GAP: Final = 2
#: Characters of an event's fields that are shown, however narrow the terminal is.
_LEAST: Final = 16
#: What the fields of a job's events begin with, and would fill the line with.
_WHOSE: Final = re.compile(r'^\{(?:"(?:project_id|job_id|parent_id)":"[^"]*",)+')


def show_topic(topic: Mapping[str, Any], console: Console, now: datetime) -> None:
    """Print it: what is kept, then its state, its readers and its newest events."""
    console.print(Text(plain(topic["topic"]), "bold"))
    facts = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, said in _facts(topic, now):
        facts.add_row(name, said)
    console.print(facts)
    if topic["newest"]:
        console.print()
        console.print(_newest(topic["newest"], console.width))


def _newest(events: Sequence[Mapping[str, Any]], width: int) -> Table:
    """Each on a line: its id and type whole, and as much of its fields as there is room for."""
    newest = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    newest.add_column("ID", no_wrap=True)
    newest.add_column("TYPE", no_wrap=True, style="bold")
    newest.add_column("FIELDS", no_wrap=True)
    cells = [
        (plain(event["id"]), plain(event["type"]), _WHOSE.sub("{", plain(event["fields"])))
        for event in events
    ]
    left = width - sum(max(len(cell[n]) for cell in cells) + _GAP for n in (0, 1))
    for id_, type_, fields in cells:
        shown = Text(fields, "dim")
        shown.truncate(max(left, _LEAST), overflow="ellipsis")
        newest.add_row(id_, type_, shown)
    return newest


def _facts(topic: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    parts = f", {number(topic['parts'])} parts of what is not whole yet" if topic["parts"] else ""
    yield "kept", f"{number(topic['events'])} events, {size(topic['bytes'])}{parts}"
    rule = topic["retention"]
    whose = f"the rule of {plain(rule['prefix'])}" if rule["prefix"] else "the default"
    by_hand = ", set by hand" if rule["set_by"] == "hand" else ""
    yield (
        "rule",
        (f"{number(rule['length'])} events, {exactly(rule['age'])} at rest: {whose}{by_hand}"),
    )
    if topic["first"]:
        yield "first", f"{topic['first']}, {age(topic['first_at'], now)} ago"
    if topic["last"]:
        yield "last", f"{topic['last']}, {age(topic['last_at'], now)} ago"
    if topic["trimmed"]:
        yield "lost", f"up to {topic['trimmed']}: {plain(topic['reason'])}"
    if topic["expires_at"]:
        busy = ", and later while its job reports" if topic["busy"] else ""
        yield "expires", f"{until(topic['expires_at'], now)}{busy}"
    yield "readers", f"{number(topic['readers'])} now"
    for subject, cursor in list(topic["read_to"].items())[:_MOST]:
        yield "read to", f"{cursor} by {short(subject)}"
    yield from _state(topic["snapshot"])


def _state(snapshot: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if snapshot.get("status") is not None:
        yield "state", _status(snapshot)
    jobs = list((snapshot.get("jobs") or {}).items())
    for job_id, job in jobs[:_MOST]:
        yield "job", f"{plain(job_id)} {_status(job)}"
    if len(jobs) > _MOST:
        yield "", f"and {len(jobs) - _MOST} more jobs"
    if present := snapshot.get("present"):
        yield "present", ", ".join(short(name) for name in list(present.values())[:_MOST])


def _status(state: Mapping[str, Any]) -> str:
    words = plain(state.get("status"))
    progress = state.get("progress")
    if isinstance(progress, int | float):
        words += f" {math.floor(progress * 100 + 1e-9)}%"
    said = state.get("error") or state.get("message")
    return f"{words}: {short(said)}" if said else words
