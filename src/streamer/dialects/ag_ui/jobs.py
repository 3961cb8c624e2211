"""The progress of jobs that report to a conversation, as activities of AG-UI; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Event = dict[str, Any]

#: What a job's events say, and what becomes of its ``status`` with those that do not name it.
_STATUS: Final = {
    "progress": "running",
    "completed": "completed",
    "error": "failed",
    "cancelled": "cancelled",
    "status": None,
}
_SHOWN: Final = ("status", "progress", "message", "error", "result")
#: Words of a job that has begun, as its state has them.
_WORDS: Final = {"started": "running", "in_progress": "running"}


class Activities:
    """Jobs as they were told: of each first all, then what has changed (RFC 6902)."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Any]] = {}

    def of(self, bodies: Iterable[dict[str, Any]]) -> list[Event]:
        """What events say of jobs; of all others nothing."""
        return [event for body in bodies if (event := self._of(body)) is not None]

    def _of(self, body: dict[str, Any]) -> Event | None:
        job, kind = body.get("job_id"), body["type"]
        if job is None or kind not in _STATUS:
            return None
        said = {name: body[name] for name in _SHOWN if body.get(name) is not None}
        status = body.get("status") if kind in ("status", "progress") else None
        word = status or _STATUS[kind]
        said["status"] = _WORDS.get(word or "", word)
        named = {"messageId": f"job-{job}", "activityType": "PROGRESS"}
        before = self._told.get(job)
        if before is None:
            self._told[job] = {"jobId": job, **said}
            return {"type": "ACTIVITY_SNAPSHOT", **named, "content": self._told[job]}
        patch = [
            {"op": "add", "path": f"/{name}", "value": value}
            for name, value in said.items()
            if before.get(name) != value
        ]
        self._told[job] = {**before, **said}
        return {"type": "ACTIVITY_DELTA", **named, "patch": patch} if patch else None
