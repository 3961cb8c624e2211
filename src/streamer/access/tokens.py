"""Whose a token is and what it allows: verified once, then known by its text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import jwt

from ..errors import InvalidToken
from .claims import grants_of
from .compact import MAX_TOKEN_BYTES, Head, read_head, read_object
from .exchange import AUDIENCE, ISSUER, KEY_ID, Exchange, with_parent
from .grants import Grants
from .keys import Key, Keys, wrong_algorithm
from .validity import Validity
from .verified import Verified

_signed: Final = jwt.PyJWS()


class Tokens:
    """Verifies JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068).

    The signature is PyJWT's. Beside joserfc it does less: no encryption, no key that a
    token brings, one function between a text and its claims; it is the one that most
    others are checked against, and needs nothing but ``cryptography``, as joserfc does.
    What it forgives is refused before it is asked (`compact`), and the claims are read
    here (`validity`, `claims`), by a clock that a test holds.

    Args:
        keys: of the issuer; None if only tokens that were made here are good.
        exchange: makes those; None if there are none.
        validity: what a token of the issuer must say.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        keys: Keys | None,
        exchange: Exchange | None = None,
        *,
        validity: Validity | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys: Final = keys
        self._exchange: Final = exchange
        self._validity: Final = validity or Validity()
        self._own_validity: Final = Validity(ISSUER, (AUDIENCE,), self._validity.leeway)
        self._clock: Final = clock
        self._verified: Final = Verified()
        self._generation: int | None = None

    def known(self, token: str) -> Grants | None:
        """What `token` allows, if it was verified before and still is good.

        It takes microseconds and no turn of the event loop. None says nothing of the
        token: `verify` does.
        """
        if len(token) > MAX_TOKEN_BYTES or not self._is_current():
            return None
        return self._verified.get(token, self._clock())

    async def verify(self, token: str) -> Grants:
        """Return what `token` allows.

        Raises:
            InvalidToken: it is malformed or forged, for somebody else or for later, or a
                claim of it is wrong. The text says which, and holds none of it.
            TokenExpired: its time is over.
            AuthUnavailable: the issuer's keys cannot be had now.
        """
        if (grants := self.known(token)) is not None:
            return grants
        head = read_head(token)
        if head.key_id == KEY_ID and self._exchange is not None:
            key = await self._exchange.key()
            claims = _claims(token, head, key, self._own_validity, self._clock())
            grants = with_parent(grants_of(claims), claims)
        else:
            if self._keys is None:
                raise InvalidToken("the token was not made here, and no others are taken")
            key = await self._keys.find(head.key_id, head.algorithm)
            grants = grants_of(_claims(token, head, key, self._validity, self._clock()))
        if self._is_current():
            self._verified.put(token, grants)
        return grants

    async def close(self) -> None:
        """Let go of the keys."""
        if self._keys is not None:
            await self._keys.close()

    def _is_current(self) -> bool:
        """Whether what was verified holds; what a key had verified that is gone does not."""
        if self._keys is None:
            return True
        generation = self._keys.generation()
        if generation is None:
            return False
        if generation != self._generation:
            self._generation = generation
            self._verified.clear()
        return True


def _claims(token: str, head: Head, key: Key, validity: Validity, now: float) -> dict[str, Any]:
    if head.algorithm != key.algorithm:
        raise wrong_algorithm()
    try:
        _signed.decode(token, key.material, algorithms=[key.algorithm])
    except jwt.PyJWTError:
        raise InvalidToken("the token's signature is wrong") from None
    claims = read_object(head.claims, "the token's claims")
    validity.check(claims, now)
    return claims
