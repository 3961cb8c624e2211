"""Read the jobs of a topic as append.lua stores them."""

from __future__ import annotations

from typing import Final

import msgspec

from ...events.cursor import Cursor
from ...events.job_states import JobState, JobStates
from .stored import cursor_of

#: The lines of a job that are JSON, by the field that they are.
_JSON: Final = {"status": 0, "attempt": 1, "task_name": 7, "error": 8, "result": 9}


def job_states(fields: dict[str, bytes]) -> JobStates | None:
    """The jobs in the snapshot's hash of a topic; None if it has none.

    A job's own topic has none, nor one that only an older version published to.
    """
    names = [name[1:] for name in fields if name.startswith("=")]
    if not names:
        return None
    known = {
        name: _job(fields["=" + name], fields["~" + name], fields.get("^" + name, b""))
        for name in names
    }
    _, _, _, ended, left_out = fields["counts"].split()
    return JobStates(known, ended=int(ended), left_out=int(left_out))


def _job(stored: bytes, last: bytes, message: bytes) -> JobState:
    lines = stored.split(b"\n")
    updated, progress = last.split(b"\n")
    decode = msgspec.json.decode
    return JobState(
        created=_id(lines[2]),
        started=_id(lines[3]),
        updated=cursor_of(updated),
        terminal=_id(lines[4]),
        parts_over=int(lines[5]),
        parent_id=lines[6].decode() or None,
        progress=decode(progress) if progress else None,
        message=decode(message) if message else None,
        **{name: decode(lines[line]) for name, line in _JSON.items() if lines[line]},
    )


def _id(line: bytes) -> Cursor | None:
    return cursor_of(line) if line else None
