"""Typed job events: what they must be, which end a job, what the snapshot learns."""

from __future__ import annotations

import math
from typing import Any

import pytest

from streamer.errors import InvalidFields
from streamer.events.job_event import check_job_event, is_terminal, snapshot_changes

#: type, fields -> terminal, changes
#: What runs has no outcome yet.
RUNNING = {"status": "running", "result": None, "error": None}

TABLE: list[tuple[str, dict[str, Any], bool, dict[str, Any]]] = [
    ("progress", {"progress": 0.0}, False, RUNNING | {"progress": 0.0}),
    ("progress", {"progress": 1}, False, RUNNING | {"progress": 1.0}),
    (
        "progress",
        {"progress": 0.5, "message": "m", "attempt": 2},
        False,
        RUNNING | {"progress": 0.5, "message": "m", "attempt": 2},
    ),
    (
        "status",
        {"status": "queued"},
        False,
        {"status": "queued", "progress": 0.0, "result": None, "error": None, "attempt": None},
    ),
    (
        "status",
        {"status": "started", "attempt": 1},
        False,
        {"status": "running", "progress": 0.0, "result": None, "error": None, "attempt": 1},
    ),
    (
        "status",
        {"status": "retrying", "message": "m"},
        False,
        {"status": "retrying", "message": "m"},
    ),
    ("status", {"status": "in_progress"}, False, {"status": "running"}),
    ("status", {"status": "cancelled"}, True, {"status": "cancelled"}),
    ("status", {"status": "canceled"}, True, {"status": "cancelled"}),
    ("status", {"status": "thinking hard"}, False, {}),
    ("error", {"error": "e", "details": [1]}, True, {"status": "failed", "error": "e"}),
    (
        "completed",
        {"result": {"a": 1}},
        True,
        {"status": "completed", "progress": 1.0, "result": {"a": 1}, "error": None},
    ),
    ("tick", {"progress": "whatever", "status": 5}, False, {}),
]


@pytest.mark.parametrize(("kind", "fields", "terminal", "changes"), TABLE)
def test_a_job_event_says_all_that_it_changes(
    kind: str, fields: dict[str, Any], terminal: bool, changes: dict[str, Any]
) -> None:
    """And whether it ends its job."""
    event = check_job_event(kind, fields)
    assert is_terminal(event) == terminal
    assert snapshot_changes(event) == changes


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("progress", {}, "progress"),
        ("progress", {"progress": -0.01}, "progress"),
        ("progress", {"progress": 1.01}, "progress"),
        ("progress", {"progress": math.nan}, "0.0 to 1.0"),
        ("progress", {"progress": math.inf}, "0.0 to 1.0"),
        ("progress", {"progress": "0.5"}, "progress"),
        ("progress", {"progress": None}, "progress"),
        ("progress", {"progress": 0.5, "attempt": 0}, "attempt"),
        ("progress", {"progress": 0.5, "metadata": []}, "metadata"),
        ("progress", {"progress": 0.5, "task_name": 5}, "task_name"),
        ("progress", {"progress": 0.5, "job_id": 5}, "job_id"),
        ("progress", {"progress": 0.5, "job_id": "a\nb"}, "job_id .* control"),
        ("progress", {"progress": 0.5, "parent_id": "a\u2028"}, "parent_id .* control"),
        ("progress", {"progress": 0.5, "parent_id": "x" * 257}, "parent_id"),
        ("status", {}, "status"),
        ("status", {"status": 1}, "status"),
        ("error", {}, "error"),
        ("error", {"error": {"a": 1}}, "error"),
    ],
)
def test_a_malformed_job_event_is_refused(kind: str, fields: dict[str, Any], told: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidFields, match=told):
        check_job_event(kind, fields)
