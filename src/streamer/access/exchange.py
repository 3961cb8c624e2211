"""Short-lived tokens of named topics, made here for use in a URL, and verified here alone."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..config.auth import MIN_SECRET_BYTES
from ..errors import Forbidden, InvalidToken, TokenExpired
from .claims import moment
from .compact import read_head
from .grants import Grants
from .patterns import Patterns

if TYPE_CHECKING:
    from .keys import Key

#: The ``iss``, ``aud`` and ``kid`` of tokens that are made here. The key is one of its own
#: besides, so neither kind can be taken for the other.
ISSUER: Final = "streamer"
AUDIENCE: Final = "streamer:url"
KEY_ID: Final = "streamer:exchange"
#: What the key is derived for (as HKDF-Expand does, RFC 5869 section 2.3).
_PURPOSE: Final = b"streamer: tokens by exchange, 1"

#: Gives the bytes that the key is made of: the same in every process, 32 or more.
KeySource = Callable[[], Awaitable[bytes]]


def from_secret(secret: str) -> KeySource:
    """Where all processes know ``STREAMER_AUTH_SECRET``, the key is derived from it."""
    material = secret.encode()

    async def key() -> bytes:
        return material

    return key


class Exchange:
    """Makes tokens from grants, and knows them again.

    Args:
        source: what the key is made of, asked once. It may raise what it likes: a
            `LogUnavailable` for one that is kept in the log.
        clock: seconds since 1970.
    """

    def __init__(self, source: KeySource, *, clock: Callable[[], float] = time.time) -> None:
        self._source: Final = source
        self._clock: Final = clock
        self._key: Key | None = None

    async def key(self) -> Key:
        """The key that these tokens are signed and verified by."""
        if self._key is None:
            # Every server could make tokens, and few do: none waits for that when it starts.
            from .keys import Key  # noqa: PLC0415

            material = await self._source()
            if len(material) < MIN_SECRET_BYTES:
                raise ValueError(f"a key of {len(material)} bytes can be guessed from one token")
            derived = hmac.digest(material, _PURPOSE + b"\x01", "sha256")
            self._key = Key("HS256", derived, KEY_ID)
        return self._key

    async def exchange(
        self, grants: Grants, subscribe: Iterable[object], publish: Iterable[object], ttl: float
    ) -> tuple[str, float]:
        """Make a token of some of what `grants` allow, for `ttl` seconds at most.

        It names the same subject, reads and publishes to exactly these topics and
        patterns (not the subject's own ``users/{sub}`` unless that is named), is nobody's
        admin, ends no later than `grants`, is revoked with what it was made from, and is
        not exchanged again: who finds it in a log has what it names, for minutes.

        Returns:
            The token, and when it ends in seconds since 1970.

        Raises:
            InvalidTopic: a pattern is malformed, or there are too many.
            Forbidden: `grants` do not cover one of them, which is named.
            TokenExpired: `grants` have ended.
        """
        if grants.parent_id is not None:
            raise Forbidden("this token was made from another; exchange that one")
        if not grants.subject:
            raise Forbidden("nobody says who they are here, so no token is made")
        reads, writes = Patterns(subscribe), Patterns(publish)
        for pattern in sorted(reads.allowed):
            if not grants.may_read(pattern):
                raise Forbidden(f"{pattern} may not be read, so no token of it is made")
        for pattern in sorted(writes.allowed):
            if not grants.may_publish(pattern):
                raise Forbidden(f"{pattern} may not be published to, so no token of it is made")
        now = self._clock()
        ends = int(now + ttl if grants.expires is None else min(now + ttl, grants.expires))
        if ends <= now:
            raise TokenExpired(
                "the token's time is over (exp); come back with a new one",
                subject=grants.subject,
            )
        parent: dict[str, Any] = {"jti": grants.token_id}
        if grants.issued is not None:
            parent["iat"] = grants.issued
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": grants.subject,
            "iat": int(now),
            "exp": ends,
            "jti": secrets.token_urlsafe(12),
            "streamer": {
                "subscribe": sorted(reads.allowed),
                "publish": sorted(writes.allowed),
                "parent": parent,
            },
        }
        if grants.name:
            claims["name"] = grants.name
        import jwt  # noqa: PLC0415 - as above

        key = await self.key()
        token = jwt.encode(claims, key.identity, key.algorithm, headers={"kid": KEY_ID})
        return token, float(ends)


def is_made_here(token: str) -> bool:
    """Whether `token` says that it was made by `Exchange`; only `Tokens` can say if it was.

    For a server that asks the application about every other one.
    """
    try:
        return read_head(token).key_id == KEY_ID
    except InvalidToken:
        return False


def with_parent(grants: Grants, claims: Mapping[str, Any]) -> Grants:
    """`grants` of a token that was made here, with what they were made from.

    Raises:
        InvalidToken: nothing says so, which no token made here lacks.
    """
    parent = claims.get("streamer", {}).get("parent")
    if not isinstance(parent, Mapping) or not isinstance(parent.get("jti"), str):
        raise InvalidToken("streamer.parent must say what the token was made from")
    # Whoever revokes all that a subject has until now means this one too, as old as its parent.
    issued = moment(parent, "iat")
    return msgspec.structs.replace(
        grants, parent_id=parent["jti"], issued=grants.issued if issued is None else issued
    )
