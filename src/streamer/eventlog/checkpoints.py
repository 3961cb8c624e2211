"""Where jobs can go on from, kept beside the log: one checkpoint for each job, its last."""

from __future__ import annotations

from typing import Final, Protocol

#: No checkpoint, as JSON: of a job that says so, and of a run that an older Streamer has completed.
NONE: Final = b"null"


class Checkpoints(Protocol):
    """One for each job; nobody who reads the log is given it.

    It goes with the event that says that the job has completed (`NewEvent.completed_job`), in the
    moment in which that is appended, whoever appends it and however late. Else it is kept as long
    as a job that reports nothing more is: the age of the job's topic, and `lifetimes.SILENT_TTL`.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def keep(
        self, job_id: str, run: str, attempt: int, value: bytes, *, unless: tuple[str, str]
    ) -> None:
        """Keep `value` instead of the one before, unless a later attempt of `run` kept that.

        Nor is it kept once the event that ends `run` is in the log: somebody was late with it.

        Args:
            job_id: whose it is.
            run: which run of the job; "" for the first.
            attempt: of that run, counted from 1.
            value: JSON, in one line.
            unless: the first topic and the idempotency key of the event that ends the run.
        """

    async def find(self, job_id: str) -> bytes | None:
        """What was kept last, of whatever run, as JSON; None if there is nothing."""
