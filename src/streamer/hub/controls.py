"""What the hub itself sends to a reader: where it begins, what it lost, and that it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..errors import StreamerError
from ..events.control import Control
from ..events.cursor import Cursor, timestamp_of
from ..events.page import Gap
from ..events.reading import Reading
from ..events.snapshot import Snapshot
from ..events.snapshot_size import AROUND_ONE, FRAME_BYTES, Budget
from ..events.topic import job_of, project_of


def connected_control(
    topics: Sequence[str],
    begins: Cursor,
    snapshots: Mapping[str, Snapshot],
    *,
    resumed: bool,
    retry_ms: int,
    stream: tuple[str, float | None],
    reading: Reading | None = None,
    greeting: Mapping[str, Any] | None = None,
) -> Control:
    """The first frame of every connection: it reads `topics`, and begins after `begins`.

    `retry_ms` is in milliseconds. `stream` is its id, and when it ends unless its reader
    proves itself anew, in seconds since 1970. `reading` is how far the reader has read,
    `greeting` what a dialect adds.
    """
    cursor = str(begins)
    fields: dict[str, Any]
    if len(topics) == 1:
        topic = topics[0]
        fields = {"topic": topic, **named_by(topic), "cursor": cursor, "resumed": resumed}
        fields["snapshot"] = snapshots[topic].alone
    else:
        # Each is named twice: in the list, and by its state.
        named = sum(2 * len(topic) + 8 for topic in topics)
        budget = Budget(len(topics), max(0, FRAME_BYTES - AROUND_ONE - named))
        fields = {
            "topics": topics,
            "message": f"Connected to {len(topics)} topics",
            "cursor": cursor,
            "resumed": resumed,
            "snapshots": {topic: budget.fit(snapshots[topic].to_fields()) for topic in topics},
        }
    fields["stream_id"], expires = stream
    if expires is not None:
        fields["expires_at"] = _time(expires)
    if reading is not None:
        fields["reading"] = {topic: state.to_fields() for topic, state in reading.states.items()}
        fields["counted_to"] = str(reading.counted_to)
    if greeting:
        fields["greeting"] = greeting
    return Control("connected", fields, id=begins, retry_ms=retry_ms)


def expiring_control(expires: float, refresh: str) -> Control:
    """Warn that the stream ends at `expires`; a new token is taken at `refresh`."""
    return Control("expiring", {"expires_at": _time(expires), "refresh": refresh})


def expired_control(error: StreamerError) -> Control:
    """Report that the stream ends with the token that it was opened with."""
    return Control("expired", {"code": error.code, "detail": error.detail})


def refreshed_control(expires: float | None) -> Control:
    """Answer a new token that is taken: the stream ends with it, at `expires` or never."""
    return Control("refreshed", {"expires_at": None if expires is None else _time(expires)})


def _time(seconds: float) -> str:
    return timestamp_of(round(seconds * 1000))


def end_control(topic: str, reason: str, *, remaining: int) -> Control:
    """Report that `topic` is over; it ends with the one after which none remains."""
    return Control("end", {"topic": topic, "reason": reason, "remaining": remaining})


@lru_cache(1024)
def named_by(topic: str) -> Mapping[str, str]:
    """The ``project_id`` or ``job_id`` of a topic, and a message for a person."""
    if (project := project_of(topic)) is not None:
        return {"project_id": project, "message": f"Connected to project {project}"}
    if (job := job_of(topic)) is not None:
        return {"job_id": job, "message": f"Connected to job {job}"}
    return {"message": f"Connected to {topic}"}


def gap_controls(gaps: Sequence[Gap], stood: Cursor, stands: Cursor) -> list[Control]:
    """Report all `gaps` of a page to a reader; it stands at `stands` when it has the last."""
    *others, last = gaps
    return [*(gap_control(gap, stood) for gap in others), gap_control(last, stands)]


def gap_control(gap: Gap, cursor: Cursor) -> Control:
    """Report to a reader what it can no longer be given; it resumes after `cursor` then."""
    fields = {
        "topic": gap.topic,
        "after": str(gap.after),
        "until": str(gap.until),
        "reason": gap.reason,
        "cursor": str(cursor),
    }
    return Control("gap", fields, id=cursor)
