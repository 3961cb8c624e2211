"""Tokens that are signed with ``STREAMER_AUTH_SECRET``, for ``streamer token``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import jwt

from .grants import Grants
from .validity import MAX_LIFE


class Issuer:
    """Makes tokens as an application would that knows the secret.

    Args:
        secret: ``STREAMER_AUTH_SECRET``.
        issuer: what the server wants as ``iss``, if anything.
        audience: what it wants as ``aud``: one of them, if there are any.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        secret: str,
        *,
        issuer: str | None = None,
        audience: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret: Final = secret
        self._issuer: Final = issuer
        self._audience: Final = audience
        self._clock: Final = clock

    def issue(self, grants: Grants, ttl: float) -> str:
        """Make a token of what `grants` allow, for `ttl` seconds.

        It has their ``token_id`` as its ``jti``, or else a new one.

        Raises:
            ValueError: it names nobody, or `ttl` is not from 1 second to 400 days.
        """
        if not grants.subject:
            raise ValueError("a token must say whose it is: a subject")
        if not 1 <= ttl <= MAX_LIFE:
            raise ValueError(f"a token lives from 1 second to {MAX_LIFE / 86400:.0f} days")
        now = int(self._clock())
        claims: dict[str, Any] = {
            "sub": grants.subject,
            "iat": now,
            "exp": now + int(ttl),
            "jti": grants.token_id or secrets.token_urlsafe(12),
            "streamer": {
                "subscribe": sorted(grants.subscribe.allowed),
                "publish": sorted(grants.publish.allowed),
            },
        }
        if grants.name:
            claims["name"] = grants.name
        if grants.is_admin:
            claims["is_admin"] = True
        if self._issuer is not None:
            claims["iss"] = self._issuer
        if self._audience:
            claims["aud"] = self._audience[0]
        return jwt.encode(claims, self._secret, "HS256")
