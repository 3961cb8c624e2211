"""What the processes of one log share about access, kept beside its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

#: Bytes of the key that all processes sign with.
KEY_BYTES: Final = 32
#: Seconds that a revocation is kept: tokens must not live longer than that.
REVOKED_FOR: Final = 400 * 24 * 3600
#: Revocations that are kept: every process holds them all, some 20 MB.
MAX_REVOCATIONS: Final = 100_000
#: Revocations that are read, or written, at a time: half a megabyte at most.
REVOCATIONS_PAGE: Final = 1000
#: Milliseconds that a renewal, or its answer, waits to be taken: who asked has given up then.
RENEWAL_TTL: Final = 5000
#: Renewals that wait for one process: it takes them twice a second.
MAX_RENEWALS: Final = 100


#: What is revoked: the token of a name, or the tokens of a subject.
Kind = Literal["jti", "sub"]


class Revocation(msgspec.Struct, frozen=True):
    """Tokens that were taken back.

    Attributes:
        kind: ``jti``: the token of that name; ``sub``: all tokens of that subject that
            were issued up to `at`.
        value: the name, or the subject.
        at: seconds since 1970.
    """

    kind: Kind
    value: str
    at: float


class Renewal(msgspec.Struct, frozen=True):
    """A new token for a stream of another process, on its way there.

    Attributes:
        id: under which the answer is given; nobody else can guess it.
        stream_id: the stream.
        grants: what the token allows, as whoever sends and takes it writes that.
    """

    id: str
    stream_id: str
    grants: bytes


class Access(Protocol):
    """A key, what was revoked, and renewals on their way.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def signing_key(self) -> bytes:
        """`KEY_BYTES` random bytes, the same in every process: the first who asks draws them."""

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """Keep these, for `REVOKED_FOR` seconds from their time on; all, or none.

        Of two that differ in their time alone, the later is kept.

        Raises:
            TooManyRevocations: `MAX_REVOCATIONS` would be exceeded.
        """

    async def revision(self) -> str:
        """A text that is another one whenever what is revoked has changed, or was lost."""

    async def revocations(self) -> tuple[str, list[Revocation]]:
        """A revision, and everything that was revoked until then, or more."""

    async def send(self, process: str, renewal: Renewal) -> None:
        """Let `process` take `renewal` within `RENEWAL_TTL`.

        Raises:
            TooManyRequests: `MAX_RENEWALS` wait for it.
        """

    async def take(self, process: str) -> list[Renewal]:
        """The renewals that wait for `process`, each once; nobody else takes them."""

    async def answer(self, renewal: str, text: str) -> None:
        """Answer the renewal of this id."""

    async def answer_to(self, renewal: str) -> str | None:
        """The answer to the renewal of this id, if it has come."""
