"""What a job tells while it runs, beside its progress; what OpenAPI says of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

_JobId = Annotated[str, Meta(description="The job's id.")]
_TaskName = Annotated[str, Meta(description="What runs.")]
_Attempt = Annotated[int, Meta(ge=1, description="Which attempt it is, from 1 on.")]


class LogLine(msgspec.Struct, kw_only=True):
    """One line of a job's log."""

    text: str
    level: Annotated[str, Meta(description="Such as `debug`, `info`, `warning` or `error`.")]
    at: Annotated[str, Meta(description="When: RFC 3339, UTC, by the clock of the worker.")]
    source: Annotated[str, Meta(description="A logger's name, or `stdout`.")] | UnsetType = UNSET


class LogEvent(msgspec.Struct, tag_field="type", tag="log", kw_only=True):
    """Lines that a job has logged, those of a moment; changes no state."""

    job_id: _JobId | UnsetType = UNSET
    task_name: _TaskName | UnsetType = UNSET
    attempt: _Attempt | UnsetType = UNSET
    lines: list[LogLine]
    left_out: (
        Annotated[int, Meta(ge=1, description="Lines before them for which there was no room.")]
        | UnsetType
    ) = UNSET


class PartialEvent(msgspec.Struct, tag_field="type", tag="partial", kw_only=True):
    """What a job has come to so far; changes no state."""

    job_id: _JobId | UnsetType = UNSET
    task_name: _TaskName | UnsetType = UNSET
    attempt: _Attempt | UnsetType = UNSET
    result: Annotated[Any, Meta(description="Any JSON.")]


#: Every event that a job may publish while it runs, and that is none of `JobEvent`.
TellingEvent = LogEvent | PartialEvent
