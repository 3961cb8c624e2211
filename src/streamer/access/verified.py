"""Tokens that were verified, by a digest of their text: bounded, and until they end."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from .grants import Grants

#: Tokens that are kept, and bytes of their text: what is kept of one grows with it.
_MOST: Final = 10_000
_MOST_BYTES: Final = 8 * 1024 * 1024


class Verified:
    """Grants by token. The text itself is not kept: a dump of the memory holds none."""

    def __init__(self, *, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._most: Final = most
        self._most_bytes: Final = most_bytes
        self._kept: Final[OrderedDict[bytes, tuple[Grants, int]]] = OrderedDict()
        self._bytes = 0

    def get(self, token: str, now: float) -> Grants | None:
        """What `token` allows, if that is known; None as well once it has ended.

        A token that has ended `now`, in seconds since 1970, is left to be judged anew.
        """
        digest = _digest(token)
        kept = self._kept.get(digest)
        if kept is None:
            return None
        grants, _ = kept
        if grants.expires is not None and now >= grants.expires:
            self._drop(digest)
            return None
        self._kept.move_to_end(digest)
        return grants

    def put(self, token: str, grants: Grants) -> None:
        """Keep it; those that were used least lately make room."""
        digest = _digest(token)
        self._drop(digest)
        self._kept[digest] = grants, len(token)
        self._bytes += len(token)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Keep none."""
        self._kept.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, digest: bytes) -> None:
        kept = self._kept.pop(digest, None)
        if kept is not None:
            self._bytes -= kept[1]


def _digest(token: str) -> bytes:
    # A token that is no UTF-8 is none; it has a digest all the same.
    # BLAKE2: between two publishes all of OpenSSL's SHA-256 leaves the processor's caches,
    # and takes five times as long as in a loop.
    return blake2b(token.encode("utf-8", "surrogatepass"), digest_size=32).digest()
