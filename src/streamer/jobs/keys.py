"""The idempotency keys that the log is asked about, and that others must not follow.

By them all that report on a job agree on what was first. They name the run of the
job. Keys that only one transition has stand with it, in `lifecycle`.
"""

from __future__ import annotations

from typing import Final

#: The run that most jobs have only; its events do not name it.
FIRST: Final = ""


def run_name(job_id: str, run: str) -> str:
    """What stands for the run in idempotency keys and leases."""
    return f"{job_id}:{run}" if run else job_id


def run_named(name: str, job_id: str) -> str:
    """The run of that name."""
    return name.removeprefix(job_id).removeprefix(":")


def queued_key(run: str) -> str:
    """Of ``queued``."""
    return f"{run}:queued"


def start_key(run: str, attempt: int) -> str:
    """Of an attempt's ``started``."""
    return f"{run}:start:{attempt}"


def retry_key(run: str, attempt: int) -> str:
    """Of an attempt's ``retrying``."""
    return f"{run}:retrying:{attempt}"


def end_key(run: str) -> str:
    """Of a run's terminal event: whatever comes first is the end."""
    return f"{run}:end"
