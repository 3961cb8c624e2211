"""A job as the HTTP API describes it: the state of its topic, and what else is known of it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..config.server_url import API
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
    kinds: Container[str],
    workers: list[frozenset[str]],
    budget: Budget | None = None,
) -> dict[str, Any]:
    """The fields of a job; `workers` are the queues of each, `kinds` the names of those known."""
    queue = queue_of(snapshot) if snapshot.status == "queued" else None
    project, own = snapshot.project, snapshot.states.known.get("", JobState())
    return {
        "job_id": job_id,
        "project_id": None if project is None else project.removeprefix(PROJECTS),
        "kind": kind_of(snapshot, kinds),
        "stream_url": stream_url(job_id),
        "workers": None if queue is None else count_workers(workers, queue),
        **shown_times(own),
        **(budget or Budget(1)).fit(snapshot.to_fields()),
    }


def kind_of(snapshot: Snapshot, kinds: Container[str]) -> str | None:
    """What kind of job it is; the name of its first task where that is none we know."""
    names = [name for name in snapshot.tasks if name != CANCEL_TASK]
    known = (name for name in names if name in kinds)
    return next(known, next(iter(names), None))


def stream_url(job_id: str) -> str:
    """Where its events are streamed."""
    return f"{API}/jobs/{job_id}/stream"
