"""The idempotency keys by which everybody who tells of a job agrees on what was first."""

from __future__ import annotations


def queued_key(job_id: str) -> str:
    """Of ``queued``."""
    return f"{job_id}:queued"


def start_key(job_id: str, attempt: int) -> str:
    """Of an attempt's ``started``."""
    return f"{job_id}:start:{attempt}"


def retry_key(job_id: str, attempt: int) -> str:
    """Of an attempt's ``retrying``."""
    return f"{job_id}:retrying:{attempt}"


def cancel_key(job_id: str) -> str:
    """Of ``cancelling``."""
    return f"{job_id}:cancel"


def end_key(job_id: str) -> str:
    """Of a job's terminal event: whatever comes first is the end."""
    return f"{job_id}:end"


def fence(job_id: str, attempt: int) -> tuple[str, ...]:
    """What an attempt must not tell anything after: the end, the next attempt's start.

    Given as `unless` with every event of the attempt, so that the log itself
    keeps a worker that was thought dead from telling what is no longer true.
    """
    return (end_key(job_id), start_key(job_id, attempt + 1))
