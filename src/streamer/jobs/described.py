"""A job as the HTTP API describes it: the state of its topic, and what else is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..config.server_url import API
from ..events.cursor import ORIGIN
from ..events.job_states import JobState
from ..events.snapshot import Snapshot
from ..events.snapshot_size import Budget
from ..events.topic import PROJECTS
from ..events.topic_state import shown_times
from .lifecycle import CANCEL_TASK
from .waiting import count_workers, queue_of


def describe(
    job_id: str,
    snapshot: Snapshot,
    kinds: Mapping[str, str],
    workers: list[frozenset[str]],
    budget: Budget | None = None,
) -> dict[str, Any]:
    """The fields of a job; `workers` are the queues of each, `kinds` those known by their task."""
    queue = queue_of(snapshot) if snapshot.status == "queued" else None
    task = task_of(snapshot, kinds)
    project, own = snapshot.project, snapshot.states.known.get("", JobState())
    return {
        "job_id": job_id,
        "project_id": None if project is None else project.removeprefix(PROJECTS),
        "kind": None if task is None else kinds.get(task, task),
        "stream_url": stream_url(job_id),
        "workers": None if queue is None else count_workers(workers, queue),
        **_times(own, snapshot),
        **(budget or Budget(1)).fit(snapshot.to_fields()),
    }


def task_of(snapshot: Snapshot, kinds: Mapping[str, str]) -> str | None:
    """The task of a job: that of a kind we know, or else the first of its events."""
    names = [name for name in snapshot.tasks if name != CANCEL_TASK]
    known = (name for name in names if name in kinds)
    return next(known, next(iter(names), None))


def _times(own: JobState, snapshot: Snapshot) -> dict[str, Any]:
    """When it was, as far as the log keeps that: of a job's own topic Redis has its last events."""
    times = shown_times(own)
    if own.updated == ORIGIN:
        bodies = [msgspec.json.decode(last) for last in reversed(snapshot.tasks.values())]
        for name, kept in (
            ("updated_at", "timestamp"),
            ("task_name", "task_name"),
            ("parent_id", "parent_id"),
        ):
            times[name] = next((body[kept] for body in bodies if body.get(kept)), None)
    return times


def stream_url(job_id: str) -> str:
    """Where its events are streamed."""
    return f"{API}/jobs/{job_id}/stream"
