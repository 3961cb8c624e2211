"""What is shared about access, in the memory of one process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from ...errors import TooManyRequests, TooManyRevocations
from ..access import (
    KEY_BYTES,
    MAX_RENEWALS,
    MAX_REVOCATIONS,
    RENEWAL_TTL,
    REVOKED_FOR,
    Renewal,
    Revocation,
)


class MemoryAccess:
    """`Access` as `RedisAccess` keeps it.

    Args:
        clock: milliseconds since 1970; may be set back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock: Final = clock
        self._key: Final = secrets.token_bytes(KEY_BYTES)
        self._revoked: dict[tuple[str, str], Revocation] = {}
        self._revision = 0
        self._sent: Final[dict[str, tuple[int, list[Renewal]]]] = {}
        self._answers: dict[str, tuple[int, str]] = {}

    async def signing_key(self) -> bytes:
        """See `Access.signing_key`."""
        return self._key

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """See `Access.revoke`."""
        oldest = self._clock() / 1000 - REVOKED_FOR
        kept = {name: it for name, it in self._revoked.items() if it.at > oldest}
        for revocation in revocations:
            name = (revocation.kind, revocation.value)
            if name not in kept or kept[name].at < revocation.at:
                kept[name] = revocation
        if len(kept) > MAX_REVOCATIONS:
            raise TooManyRevocations.of(MAX_REVOCATIONS)
        self._revision += kept != self._revoked
        self._revoked = kept

    async def revision(self) -> str:
        """See `Access.revision`."""
        return str(self._revision)

    async def revocations(self) -> tuple[str, list[Revocation]]:
        """See `Access.revocations`."""
        return str(self._revision), sorted(self._revoked.values(), key=lambda it: it.at)

    async def send(self, process: str, renewal: Renewal) -> None:
        """See `Access.send`."""
        now = self._clock()
        for gone in [name for name, (until, _) in self._sent.items() if now >= until]:
            del self._sent[gone]
        _, waiting = self._sent.get(process, (0, []))
        if len(waiting) >= MAX_RENEWALS:
            raise TooManyRequests("too many streams are renewed at once", retry_after=1.0)
        self._sent[process] = (now + RENEWAL_TTL, [*waiting, renewal])

    async def take(self, process: str) -> list[Renewal]:
        """See `Access.take`."""
        until, waiting = self._sent.pop(process, (0, []))
        return waiting if self._clock() < until else []

    async def answer(self, renewal: str, text: str) -> None:
        """See `Access.answer`."""
        now = self._clock()
        self._answers = {name: kept for name, kept in self._answers.items() if now < kept[0]}
        self._answers[renewal] = (now + RENEWAL_TTL, text)

    async def answer_to(self, renewal: str) -> str | None:
        """See `Access.answer_to`."""
        until, text = self._answers.get(renewal, (0, ""))
        return text if self._clock() < until else None
