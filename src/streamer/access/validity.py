"""Whether a token whose signature is good is for this server, and for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from ..errors import InvalidToken, TokenExpired
from .claims import moment

#: Seconds that a token may live, 400 days: so long is it known that one was revoked. A
#: longer one would be good again after that.
MAX_LIFE: Final = 400 * 86400.0


class Validity(msgspec.Struct, frozen=True):
    """What every token must say.

    Attributes:
        issuer: its ``iss``; None is any, or none.
        audience: its ``aud`` must have one of these. Where there are none, a token that
            has an ``aud`` is for somebody else (RFC 7519 section 4.1.3).
        leeway: what the issuer's clock may be wrong, in seconds.
    """

    issuer: str | None = None
    audience: tuple[str, ...] = ()
    leeway: float = 10.0

    def check(self, claims: Mapping[str, object], now: float) -> None:
        """Return if `claims` are for us and `now`, in seconds since 1970.

        ``exp`` is required, of every token: one without it is good for whoever finds it
        in a log or a history, for ever, and older clients' tokens have it as well. A
        program that cannot fetch new ones is given one of a year.

        Raises:
            TokenExpired: its time is over.
            InvalidToken: it is for somebody else, for later or for too long.
        """
        self._check_parties(claims)
        expires, begins, issued = (moment(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None:
            raise InvalidToken("exp is missing: a token must say when it ends")
        if now >= expires + self.leeway:
            raise TokenExpired(
                "the token's time is over (exp); come back with a new one",
                subject=_subject_of(claims),
            )
        if expires > now + MAX_LIFE + self.leeway:
            raise InvalidToken(f"exp is more than {MAX_LIFE / 86400:.0f} days ahead")
        if begins is not None and begins > now + self.leeway:
            raise InvalidToken("the token's time has not begun (nbf)")
        # What is revoked by its subject is all that was issued until then: a token of
        # tomorrow would not be.
        if issued is not None and issued > now + self.leeway:
            raise InvalidToken("the token was issued in the future (iat)")
        # One of years is too long at first, and would not be at last: after all that was
        # revoked when it was issued is forgotten.
        if issued is not None and expires - issued > MAX_LIFE + self.leeway:
            raise InvalidToken(f"exp is more than {MAX_LIFE / 86400:.0f} days after iat")

    def _check_parties(self, claims: Mapping[str, object]) -> None:
        issuer, audience = claims.get("iss"), claims.get("aud", [])
        if not isinstance(issuer, str | None):
            raise InvalidToken("iss must be a string")
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            raise InvalidToken("aud must be a string, or a list of strings")
        if self.issuer is not None and issuer != self.issuer:
            raise InvalidToken("the token is of another issuer (iss)")
        if not self.audience and named:
            raise InvalidToken("the token is for somebody else (aud): no audience is set here")
        if self.audience and not set(self.audience) & set(named):
            raise InvalidToken("the token is for somebody else (aud)")


def _subject_of(claims: Mapping[str, object]) -> str:
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else ""
