"""The app's door, as its settings or its program say how it is known who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from ..access.credentials import credential_of, forget
from ..access.grants import Grants
from ..errors import TokenRevoked, Unauthorized
from .asker import Asker, Connection, client_of
from .origins import Origins

#: Says whether what was granted has been taken back.
IsRevoked = Callable[[Grants], bool]


class Tokens(Protocol):
    """What verifies tokens: `access.tokens.Tokens`."""

    async def verify(self, token: str) -> Grants:
        """Return what `token` allows; raises `Unauthorized`, `AuthUnavailable`."""


def nothing_is_revoked(_grants: Grants) -> bool:
    """For a server that keeps no list of what was taken back."""
    return False


class TokenDoor:
    """Lets in who presents a good token.

    Args:
        tokens: what verifies them. One that is known costs no turn of the event loop.
        cookie: name of the cookie that may hold one.
        is_revoked: asked each time, also of a token that is known.
    """

    def __init__(
        self, tokens: Tokens, cookie: str, is_revoked: IsRevoked = nothing_is_revoked
    ) -> None:
        self._tokens: Final = tokens
        self._cookie: Final = cookie
        self._is_revoked: Final = is_revoked

    async def __call__(self, connection: Connection) -> Asker:
        """Say who asks; raises `Unauthorized`, `Forbidden`, `AuthUnavailable`."""
        scope: Any = connection.scope
        try:
            credential = credential_of(scope, self._cookie)
        finally:
            forget(scope)
        if credential is None:
            raise Unauthorized(
                "no token came with the request; send it as Authorization: Bearer <token>, "
                "or where no header can be set, as ?token="
            )
        if credential.is_ambient:
            _refuse_foreign_page(connection)
        return _asker(connection, await self._tokens.verify(credential.token), self._is_revoked)


def _asker(connection: Connection, grants: Grants, is_revoked: IsRevoked) -> Asker:
    if is_revoked(grants):
        raise TokenRevoked("the token was taken back; come back with a new one")
    return Asker(client_of(connection.scope), grants.subject, grants)


#: What `Origins` looks at.
_OF_PAGES: Final = frozenset({b"host", b"origin", b"sec-fetch-site"})


def _refuse_foreign_page(connection: Connection) -> None:
    """Raise `Forbidden` where a foreign page would act with what its visitor's browser adds."""
    origins: Origins = connection.app.state.origins
    origins.check_ambient(
        {
            name.decode("ascii"): value.decode("latin-1")
            for name, value in connection.scope["headers"]
            if name in _OF_PAGES
        }
    )
