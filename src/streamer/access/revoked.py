"""Which tokens were taken back, as a set that forgets nothing before its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..eventlog.access import REVOKED_FOR, Revocation
from .grants import Grants


class Revoked:
    """Everything that was revoked, as far as is known here."""

    def __init__(self) -> None:
        # When, in seconds since 1970: by the names of tokens, and by subjects.
        self._tokens: Final[dict[str, float]] = {}
        self._subjects: Final[dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._tokens) + len(self._subjects)

    def __iter__(self) -> Iterator[Revocation]:
        """All of it, in no order."""
        for value, at in self._tokens.items():
            yield Revocation("jti", value, at)
        for value, at in self._subjects.items():
            yield Revocation("sub", value, at)

    def has(self, grants: Grants) -> bool:
        """Whether the token of `grants` was taken back.

        It was if it is named; if its subject is, and it was not issued later than that,
        or nobody says when; and if what it was made from was.
        """
        tokens = self._tokens
        if tokens and (grants.token_id in tokens or grants.parent_id in tokens):
            return True
        at = self._subjects.get(grants.subject)
        return at is not None and (grants.issued is None or grants.issued <= at)

    def add(self, revocations: Iterable[Revocation]) -> bool:
        """Keep these, of two that differ in their time the later; whether anything is new."""
        is_new = False
        for revocation in revocations:
            kept = self._by_kind(revocation)
            if kept.get(revocation.value, -1.0) < revocation.at:
                kept[revocation.value] = revocation.at
                is_new = True
        return is_new

    def beyond(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        """What is kept here, and neither among these nor earlier than one of them."""
        others = Revoked()
        others.add(revocations)
        return [mine for mine in self if others._by_kind(mine).get(mine.value, -1.0) < mine.at]

    def forget(self, now: float) -> None:
        """Drop what no token can be as old as, `now` in seconds since 1970."""
        for kept in (self._tokens, self._subjects):
            for value in [value for value, at in kept.items() if at <= now - REVOKED_FOR]:
                del kept[value]

    def _by_kind(self, revocation: Revocation) -> dict[str, float]:
        return self._tokens if revocation.kind == "jti" else self._subjects
