"""The state of a topic, derived from its jobs by one rule.

- A topic is not over while any of its jobs is not. Its status is then the first of
  ``running``, ``retrying``, ``stalled``, ``queued`` that one of them has; its message,
  result, error and attempt are those of the job with that status that has the newest
  event. Once all are over it has the state of the one that ended last.
- Its progress is the mean of the jobs since it was last at rest (no job was open),
  a job that is over counting as 1.0, one that is left out as 0.0, and one that is
  part of another open one not at all.
- A job's progress is what was reported of it; while that is nothing, or 0.0, it is the
  mean of its parts', those that are over counting as 1.0.

So with one job, all of it is exactly that job's. Events of no job are those of one
more job, which has no id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from .cursor import ORIGIN, Cursor
from .job_event import WAITING_OR_RUNNING
from .job_states import JobState, JobStates

#: Parts of one that a mean is rounded to: less than any bar shows.
_SHOWN: Final = 10_000


def derived(states: JobStates) -> dict[str, Any]:
    """The fields of the topic itself, by name."""
    if not states.known:
        return {}
    leading = lead(states.known)
    return {
        "status": leading.status,
        "progress": _progress(states, leading),
        "message": leading.message,
        "result": leading.result,
        "error": leading.error,
        "attempt": leading.attempt,
        "terminal": leading.terminal,
    }


def lead(jobs: Mapping[str, JobState]) -> JobState:
    """The one of `jobs`, of which there are some, whose state is that of them all."""
    is_open = [state for state in jobs.values() if state.is_open]
    if is_open:
        return max(is_open, key=lambda state: (-_RANK[state.status], state.updated))
    return max(
        jobs.values(),
        key=lambda state: (state.status is not None, state.terminal or state.updated),
    )


def shown_jobs(states: JobStates) -> dict[str, dict[str, Any]]:
    """The jobs by id as JSON-ready fields: those over first, each oldest first.

    A job that only its parts name, as a group of messages, stands among them with
    their state and ``"group": true``.
    """
    if not states.known:
        return {}
    parts = _parts_of(states.known)
    jobs = {name: state for name, state in states.known.items() if name}
    groups = {
        name: _group({part: jobs[part] for part in parts[name]})
        for name in parts
        if name not in jobs
    }
    listed = [*jobs.items(), *groups.items()]
    listed.sort(
        key=lambda named: (named[1].is_open, named[1].terminal or named[1].created or ORIGIN)
    )
    progress = _Progress(states.known, parts)
    shown = {}
    for name, state in listed:
        total, over = progress.counted(name)
        shown[name] = {
            "status": state.status,
            "progress": progress.of(name),
            "message": state.message,
            "result": state.result,
            "error": state.error,
            "attempt": state.attempt,
            "parts": {"total": total, "over": over, "told": state.progress} if total else None,
            "group": name in groups,
            **shown_times(state),
            "end": None if state.terminal is None else str(state.terminal),
        }
    return shown


def shown_times(state: JobState) -> dict[str, Any]:
    """What the one job of a job's own topic has beyond the topic's state."""
    return {
        "task_name": state.task_name,
        "parent_id": state.parent_id,
        "created_at": _time(state.created),
        "started_at": _time(state.started),
        "updated_at": _time(state.updated),
        "ended_at": _time(state.terminal),
    }


_RANK: Final[dict[str | None, int]] = {
    status: rank for rank, status in enumerate(WAITING_OR_RUNNING)
}


class _Progress:
    """How far jobs are, of themselves or by their parts."""

    def __init__(self, known: Mapping[str, JobState], parts: Mapping[str, list[str]]) -> None:
        self._known = known
        self._parts = parts
        self._asked: set[str] = set()

    def of(self, name: str) -> float | None:
        state = self._known.get(name)
        total, over = self.counted(name)
        # A job may be named as its own ancestor.
        if not total or name in self._asked:
            return state.progress if state is not None else None
        if state is not None and (state.progress or not state.is_open):
            return state.progress
        self._asked.add(name)
        done = sum(self.of(part) or 0.0 for part in self._open_parts(name))
        self._asked.discard(name)
        return _rounded((over + done) / total)

    def counted(self, name: str) -> tuple[int, int]:
        """How many parts a job has, and how many of them are over."""
        state = self._known.get(name)
        if state is not None:
            over = state.parts_over  # those that are forgotten too
        else:
            over = sum(self._known[part].is_over for part in self._parts.get(name, ()))
        return over + len(self._open_parts(name)), over

    def _open_parts(self, name: str) -> list[str]:
        return [part for part in self._parts.get(name, ()) if self._known[part].is_open]


def _progress(states: JobStates, leading: JobState) -> float | None:
    known = states.known
    if not leading.is_open:
        return leading.progress if states.ended <= 1 else 1.0
    if len(known) == 1 and not states.ended and not states.left_out:
        return leading.progress
    progress = _Progress(known, _parts_of(known))
    roots = [
        name
        for name, state in known.items()
        if state.is_open and states.open_parent(name, state) is None
    ]
    fractions = [progress.of(name) for name in roots]
    total = states.ended + len(fractions) + states.left_out
    if total == 1 and fractions:
        return fractions[0]
    done = states.ended + sum(fraction or 0.0 for fraction in fractions)
    return _rounded(done / max(1, total))


def _rounded(value: float) -> float:
    """A half upwards, as JavaScript's Math.round has it, and not to the even neighbour."""
    return math.floor(value * _SHOWN + 0.5) / _SHOWN


def _parts_of(known: Mapping[str, JobState]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name, state in known.items():
        if name and state.parent_id and state.parent_id != name:
            parts.setdefault(state.parent_id, []).append(name)
    return parts


def _group(parts: Mapping[str, JobState]) -> JobState:
    leading = lead(parts)
    return JobState(
        created=min(part.created or ORIGIN for part in parts.values()),
        started=min((part.started for part in parts.values() if part.started), default=None),
        updated=max(part.updated for part in parts.values()),
        terminal=leading.terminal,
        status=leading.status,
    )


def _time(id_: Cursor | None) -> str | None:
    return None if id_ is None else id_.timestamp()
