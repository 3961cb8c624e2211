"""What docs/JOBS.md says that a job's events do to state, done by its tables.

Nothing is known here but how to read them: every rule, every bound and every word of a
publisher is in the page.
"""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from streamer.events.topic import job_of

_PAGE: Final = Path(__file__).parents[2] / "docs" / "JOBS.md"

Row = dict[str, str]


class JobModel:
    """The state of one topic.

    Events are numbered from 0, and a number stands wherever the log has an id.

    Args:
        topic: its name; a job's own has that job alone.
    """

    def __init__(self, topic: str) -> None:
        self._is_own: Final = job_of(topic) is not None
        given = {"is_own": self._is_own, "nobody": _job(), "jobs": [], "topic": _new("topic")}
        #: What a formula may name.
        self._scope: Final = _names(given)

    @property
    def names(self) -> dict[str, Any]:
        """What the page's names stand for at this moment."""
        return self._scope

    def append(self, kind: str, fields: dict[str, Any], number: int) -> None:
        """Let an event happen."""
        row = _row_of(kind, fields)
        if row is None:
            return
        scope, name = self._scope, "" if self._is_own else fields.get("job_id") or ""
        known = next((job for job in scope["jobs"] if job.id == name), None)
        job = known or _job(id=name)
        says = {
            field: value
            for field, cell in row.items()
            if field in vars(job) and (value := _said(cell, field, fields)) is not _STAYS
        }
        scope.update(job=job, before=copy.copy(job), is_new=known is None, now=number)
        scope.update(event=_Event(fields), says=says, ends=row["ends"] == "yes")
        for step in _STEPS:
            if step.when and not self._value(step.when):
                continue
            if step.field == "stop":
                return
            if step.field == "what the event says":
                vars(job).update(says)
                continue
            assert step.becomes is not None, step
            owner, _, field = step.field.rpartition(".")
            changed = scope if not owner else vars(self._value(_formula(owner)))
            changed[field] = self._value(step.becomes)

    def expected(self) -> dict[str, Any]:
        """The whole snapshot, as fixtures/snapshots.json would have it."""
        scope = self._scope
        groups = [_job(id=name, is_group=True) for name in scope["group_ids"]()]
        for group in groups:
            vars(group).update(self._fields_of(group, _OF_GROUP))
        listed = [job for job in scope["jobs"] if job.id] + groups
        fields: dict[str, Any] = {}
        for step in _OF_TOPIC:
            if step.field not in fields and (not step.when or self._value(step.when)):
                fields[step.field] = step.becomes and self._value(step.becomes)
        return {
            **fields,
            "jobs_left_out": scope["topic"].left_out,
            "tasks": dict(scope["topic"].tasks),
            "jobs": {
                job.id: self._fields_of(job, _SHOWN) for job in sorted(listed, key=scope["place"])
            },
        }

    def _fields_of(self, job: _Kept, rules: dict[str, CodeType]) -> dict[str, Any]:
        self._scope["job"] = job
        return {field: self._value(rule) for field, rule in rules.items()}

    def _value(self, formula: CodeType) -> Any:  # noqa: ANN401 - any JSON
        return eval(formula, self._scope)


class _Kept:
    """What is kept of a job, or of a topic, by name."""

    def __init__(self, fields: dict[str, Any]) -> None:
        vars(self).update(fields)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any JSON
            ...


class _Event:
    """The fields that an event carries; null are all others."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields: Final = fields

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        return self._fields.get(name)


class _Step(NamedTuple):
    when: CodeType | None
    field: str
    becomes: CodeType | None


#: What a cell says that leaves its field as it is.
_STAYS: Final = object()


def _tables() -> dict[str, list[Row]]:
    """The rows of every table of the page, by the name of its first column."""
    tables: dict[str, list[Row]] = {}
    for block in re.findall(r"(?:^\|.*\n)+", _PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        assert head[0] not in tables, f"two tables of {head[0]}"
        tables[head[0]] = [dict(zip(head, row, strict=True)) for row in rows]
    return tables


def _formula(cell: str) -> CodeType:
    return compile(cell.strip("`"), cell, "eval")


def _steps(table: str) -> list[_Step]:
    return [
        _Step(
            _formula(row["when"]) if row["when"] else None,
            row["field"].strip("`"),
            _formula(value) if (value := row.get("becomes", row.get("is"))) else None,
        )
        for row in _TABLES[table]
    ]


def _rules(table: str) -> dict[str, CodeType]:
    return {row[table].strip("`"): _formula(row["is"]) for row in _TABLES[table]}


def _new(table: str) -> _Kept:
    rows = _TABLES[f"of a {table}"]
    fields = {row[f"of a {table}"].strip("`"): row["at first"].strip("`") for row in rows}
    return _Kept({name: msgspec.json.decode(value) for name, value in fields.items()})


def _job(**fields: Any) -> _Kept:  # noqa: ANN401 - any JSON
    return _Kept(vars(_new("job")) | fields)


def _row_of(kind: str, fields: dict[str, Any]) -> Row | None:
    """The row of the event: that of its word, or the one for any other."""
    rows = [row for row in _TABLES["type"] if row["type"] == f"`{kind}`"]
    word = f"`{fields.get('status')}`"
    named = [row for row in rows if word in row["word"].split(", ")]
    return next(iter(named + rows[-1:]), None)


def _said(cell: str, field: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """What a field becomes by its cell in the table of events."""
    given = fields.get(field)
    match cell:
        case "\N{EN DASH}":
            return _STAYS
        case "given":
            return given
        case "if given":
            return _STAYS if given is None else given
        case _ if cell.startswith("`"):
            return cell.strip("`")
        case _:
            return msgspec.json.decode(cell)


def _names(given: dict[str, Any]) -> dict[str, Any]:
    """What the page's names stand for; they look up one another, and what is `given`."""
    statuses = {
        None if row["status"] == "null" else row["status"].strip("`"): row
        for row in _TABLES["status"]
    }
    scope = {**given, "null": None, "floor": math.floor}
    scope["kind"] = {status: row["kind"] for status, row in statuses.items()}
    scope["weight"] = {status: int(row["weight"]) for status, row in statuses.items()}
    for row in _TABLES["name"]:
        name, is_called, arguments = row["name"].strip("`").partition("(")
        head = f"lambda {arguments.removesuffix(')')}: " if is_called else ""
        scope[name] = eval(head + row["is"].strip("`"), scope)
    return scope


_TABLES: Final = _tables()
_STEPS: Final = _steps("step")
_OF_TOPIC: Final = _steps("field")
_SHOWN: Final = _rules("shown")
_OF_GROUP: Final = _rules("of a group")
