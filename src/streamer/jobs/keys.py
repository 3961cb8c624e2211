"""The idempotency keys by which everybody who reports of a job agrees on what was first.

They name the run of the job: `runs.run_name`.
"""

from __future__ import annotations


def queued_key(run: str) -> str:
    """Of ``queued``."""
    return f"{run}:queued"


def reset_key(run: str) -> str:
    """Of ``queued``, as it is repeated where another run was reported last."""
    return f"{run}:reset"


def start_key(run: str, attempt: int) -> str:
    """Of an attempt's ``started``."""
    return f"{run}:start:{attempt}"


def retry_key(run: str, attempt: int) -> str:
    """Of an attempt's ``retrying``."""
    return f"{run}:retrying:{attempt}"


def cancel_key(run: str) -> str:
    """Of ``cancelling``."""
    return f"{run}:cancel"


def end_key(run: str) -> str:
    """Of a run's terminal event: whatever comes first is the end."""
    return f"{run}:end"


def fence(run: str, attempt: int) -> tuple[str, ...]:
    """What an attempt must not tell anything after: the end, the next attempt's start.

    Given as `unless` with every event of the attempt, so that the log itself
    keeps a worker that was thought dead from telling what is no longer true.
    """
    return (end_key(run), start_key(run, attempt + 1))
