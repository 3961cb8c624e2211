"""What is raised in a job that is to stop, in the words of its queue."""

from __future__ import annotations

import sys
from typing import Final, NamedTuple


class JobCancelled(Exception):
    """The job was cancelled; let it through, so that it is neither retried nor failed.

    What is raised is also what the queue takes for that, such as Dramatiq's `SkipMessage`.
    """


class Raised(NamedTuple):
    """What stops a job, in the words of its queue.

    Attributes:
        cancelled: raised where it was cancelled.
        interrupted: raised where its worker stops; None: its jobs are never interrupted.
    """

    cancelled: type[JobCancelled] = JobCancelled
    interrupted: type[BaseException] | None = None


#: Of a job that nobody but itself runs.
PLAINLY: Final = Raised()


class Stop:
    """Whether a job is to stop, and the raising of it where the job looks.

    Attributes:
        is_cancelled: somebody asked for the job to be cancelled.
        is_interrupted: its worker is stopping.
    """

    def __init__(self, raised: Raised) -> None:
        self.is_cancelled = False
        self.is_interrupted = False
        self._raised: Final = raised

    def raise_cancelled(self) -> None:
        """Stop the job here, unless this is what it does about being cancelled."""
        if not isinstance(sys.exc_info()[1], JobCancelled):
            raise self._raised.cancelled("the job was cancelled")

    def raise_if_asked(self) -> None:
        """Stop the job here if that was asked for, by whomever."""
        if self.is_cancelled:
            raise self._raised.cancelled("the job was cancelled")
        if self.is_interrupted and self._raised.interrupted is not None:
            raise self._raised.interrupted("the worker was stopped")
