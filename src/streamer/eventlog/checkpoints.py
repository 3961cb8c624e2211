"""Where jobs can go on from, kept beside the log: one checkpoint for each job, its last."""

from __future__ import annotations

from typing import Final, Protocol

#: Later than any attempt: what a run keeps that has completed, so that nobody is late with another.
COMPLETED: Final = 2**53 - 1
#: No checkpoint, as JSON. What such a run keeps: an older Streamer also finds none in it.
NONE: Final = b"null"


class Checkpoints(Protocol):
    """One for each job; nobody who reads the log is given it.

    It is kept until it is forgotten, or else as long as a job that reports nothing more is:
    the age of the job's topic, and `lifetimes.SILENT_TTL`.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def keep(self, job_id: str, run: str, attempt: int, value: bytes) -> None:
        """Keep `value` instead of the one before, unless a later attempt of `run` kept that.

        Nor is it kept if `run` has completed: somebody was late with it.
        """

    async def find(self, job_id: str) -> bytes | None:
        """What was kept last, of whatever run, as JSON; None if that run has completed."""

    async def forget(self, job_id: str, run: str) -> None:
        """Keep none, and none that is still to come of `run`, which has completed."""
