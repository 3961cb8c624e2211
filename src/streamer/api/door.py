"""The app's door, as its settings or its program say how it is known who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ..access.authorize import Authorize, ask
from ..access.credentials import (
    are_ambient,
    bearer_in,
    credential_of,
    forget,
    lone_token,
    with_header,
)
from ..access.exchange import Exchange, is_made_here
from ..access.grants import Grants
from ..config.settings import Settings, access_is_open
from ..errors import TokenRevoked, Unauthorized
from .asker import Asker, Connection, Door, by_token, client_of, known_by_token
from .origins import Origins

if TYPE_CHECKING:
    from ..access.application import Application

#: Says whether what was granted has been taken back.
IsRevoked = Callable[[Grants], bool]


class Tokens(Protocol):
    """What verifies tokens: `access.tokens.Tokens`."""

    def known(self, token: str) -> Grants | None:
        """Return what `token` allows, if it was verified before and still is good."""
        ...

    async def verify(self, token: str) -> Grants:
        """Return what `token` allows; raises `Unauthorized`, `AuthUnavailable`."""
        ...


class Entrance(NamedTuple):
    """A door, and how the app lets go of what it holds, once it ends."""

    door: Door
    close: Callable[[], Awaitable[None]]


def entrance_of(
    settings: Settings,
    exchange: Exchange,
    is_revoked: IsRevoked,
    *,
    authorize: Authorize | None = None,
    door: Door | None = None,
) -> Entrance:
    """The door that is asked for: by `settings`, by a function, or a whole one.

    Args:
        settings: those of access.
        exchange: makes short-lived tokens; whoever has one is let in with it.
        is_revoked: asked at each door but a whole one.
        authorize: says who is asking, in the words of an application.
        door: says it in ours.

    Raises:
        ValueError: two of them are, of which the weaker one would count.
        InvalidSetting: the key that is set is none.
    """
    given = (authorize is not None, door is not None, bool(settings.auth))
    if sum((*given, not access_is_open(settings))) > 1:
        raise ValueError("say who may come in by STREAMER_AUTH_*, by authorize or by door: by one")
    if door is not None:
        return Entrance(door, _close_nothing)
    if authorize is None and access_is_open(settings):
        return Entrance(by_token, _close_nothing)
    # PyJWT, cryptography and httpx: what asks nobody who they are starts without them.
    from ..access.configured import application_of, tokens_of  # noqa: PLC0415

    if authorize is not None:
        return Entrance(
            AuthorizeDoor(authorize, tokens_of(settings, exchange), is_revoked), _close_nothing
        )
    tokens, application = tokens_of(settings, exchange), application_of(settings)
    if application is None:
        return Entrance(TokenDoor(tokens, settings.auth_cookie, is_revoked), tokens.close)
    return Entrance(ApplicationDoor(application, tokens, is_revoked), application.close)


async def _close_nothing() -> None:
    pass


class TokenDoor:
    """Lets in who presents a good token.

    Args:
        tokens: what verifies them. One that is known costs no turn of the event loop.
        cookie: name of the cookie that may hold one.
        is_revoked: asked each time, also of a token that is known.
    """

    def __init__(self, tokens: Tokens, cookie: str, is_revoked: IsRevoked) -> None:
        self._tokens: Final = tokens
        self._cookie: Final = cookie
        self._is_revoked: Final = is_revoked

    async def __call__(self, connection: Connection) -> Asker:
        """Say who asks; raises `Unauthorized`, `Forbidden`, `AuthUnavailable`."""
        scope: Any = connection.scope
        try:
            # Nearly every publish comes with one that is known, and so is well-formed.
            lone = lone_token(scope)
            grants = None if lone is None else self._tokens.known(lone)
            credential = None if grants is not None else credential_of(scope, self._cookie)
        finally:
            forget(scope)
        if grants is not None:
            return _asker(connection, grants, self._is_revoked)
        if credential is None:
            raise Unauthorized(
                "no token came with the request; send it as Authorization: Bearer <token>, "
                "or where no header can be set, as ?token="
            )
        if credential.is_ambient:
            _refuse_foreign_page(connection)
        return _asker(connection, await self._tokens.verify(credential.token), self._is_revoked)

    def known(self, scope: Any) -> Asker | None:  # noqa: ANN401 - an ASGI scope
        """Who asks, if a token of theirs was verified before and is good; None says nothing.

        `scope` has its token still: whoever asks may have to call the door.
        """
        lone = lone_token(scope)
        grants = None if lone is None else self._tokens.known(lone)
        if grants is None or self._is_revoked(grants):
            return None
        return Asker(client_of(scope), grants.subject, grants)


def known_at(door: Door) -> Callable[[Any], Asker | None] | None:
    """What says at once who asks, as `door` would; its None says nothing. None of most doors."""
    if door is by_token:
        return known_by_token
    return door.known if isinstance(door, TokenDoor) else None


class ApplicationDoor:
    """Lets in whom the application knows by the request's own cookies and headers.

    Args:
        application: what is asked.
        tokens: what verifies those that were made here, of which it knows nothing.
        is_revoked: asked each time.
    """

    def __init__(self, application: Application, tokens: Tokens, is_revoked: IsRevoked) -> None:
        self._application: Final = application
        self._tokens: Final = tokens
        self._is_revoked: Final = is_revoked

    async def __call__(self, connection: Connection) -> Asker:
        """Say who asks; raises `Unauthorized`, `Forbidden`, `AuthUnavailable`."""
        scope: Any = connection.scope
        try:
            headers = with_header(scope)
        finally:
            forget(scope)
        token = bearer_in(headers)
        if token is not None and is_made_here(token):
            return _asker(connection, await self._tokens.verify(token), self._is_revoked)
        if are_ambient(headers):
            _refuse_foreign_page(connection)
        query = scope["query_string"].decode("ascii", "replace")
        grants = await self._application.ask(
            headers,
            method=scope.get("method", "GET"),
            uri=f"{scope['path']}?{query}" if query else scope["path"],
        )
        return _asker(connection, grants, self._is_revoked)


class AuthorizeDoor:
    """Lets in whom a function of the same process knows.

    Args:
        authorize: what is asked.
        tokens: as of `ApplicationDoor`.
        is_revoked: asked each time.
    """

    def __init__(self, authorize: Authorize, tokens: Tokens, is_revoked: IsRevoked) -> None:
        self._authorize: Final = authorize
        self._tokens: Final = tokens
        self._is_revoked: Final = is_revoked

    async def __call__(self, connection: Connection) -> Asker:
        """Say who asks; raises `Unauthorized`, `AuthUnavailable`, and what the function raises."""
        scope: Any = connection.scope
        try:
            headers = scope["headers"] = with_header(scope)
            token = bearer_in(headers)
            if token is not None and is_made_here(token):
                grants = await self._tokens.verify(token)
            else:
                if are_ambient(headers):
                    _refuse_foreign_page(connection)
                grants = await ask(self._authorize, connection)
        finally:
            forget(scope)
        return _asker(connection, grants, self._is_revoked)


def _asker(connection: Connection, grants: Grants, is_revoked: IsRevoked) -> Asker:
    if is_revoked(grants):
        raise TokenRevoked(
            "the token was taken back; come back with a new one", subject=grants.subject
        )
    return Asker(client_of(connection.scope), grants.subject, grants)


#: What `Origins` looks at.
_OF_PAGES: Final = frozenset({b"host", b"origin", b"sec-fetch-dest", b"sec-fetch-site"})


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
