"""Checkpoints of jobs in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ...events.topic import job_topic
from ..checkpoints import NONE
from ..lifetimes import SILENT_TTL
from ..rules import LogRules


class _Kept(NamedTuple):
    until: float
    run: str
    attempt: int
    value: bytes


class MemoryCheckpoints:
    """`Checkpoints` as checkpoint.lua keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
        is_known: whether an event of that first topic has that idempotency key.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        rules: LogRules,
        is_known: Callable[[tuple[str, str]], bool],
    ) -> None:
        self._is_known: Final = is_known
        self._clock: Final = clock
        self._rules: Final = rules
        self._kept: Final[dict[str, _Kept]] = {}

    async def keep(
        self, job_id: str, run: str, attempt: int, value: bytes, *, unless: tuple[str, str]
    ) -> None:
        """See `Checkpoints.keep`."""
        if self._is_known(unless):
            return
        now = self._clock()
        for each in [name for name, kept in self._kept.items() if kept.until <= now]:
            del self._kept[each]
        known = self._kept.get(job_id)
        if known is None or known.run != run or known.attempt <= attempt:
            age = self._rules.current.retention.of(job_topic(job_id)).max_age
            self._kept[job_id] = _Kept(now + age * 1000 + SILENT_TTL, run, attempt, value)

    async def find(self, job_id: str) -> bytes | None:
        """See `Checkpoints.find`."""
        known = self._kept.get(job_id)
        if known is None or known.value == NONE or known.until <= self._clock():
            return None
        return known.value

    def remove(self, job_id: str) -> None:
        """Forget that of a job."""
        self._kept.pop(job_id, None)
