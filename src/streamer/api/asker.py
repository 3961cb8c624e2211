"""Who asks: the one door that every request passes, and every WebSocket once it is accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection

from ..access.grants import EVERYTHING, Grants
from ..hub.party import party_of
from .query import check_query

Connection = ASGIConnection[Any, Any, Any, Any]

#: For the ``opt`` of handlers that anybody may ask without being asked who they are:
#: probes of a load balancer, and what is the same for all, such as the page. A handler
#: without it is behind the door, whoever wrote it.
OPEN: Final = {"open": True}

#: Where the answer is kept for the handler, in the scope of its request.
_KEY: Final = "streamer.asker"


class Asker(msgspec.Struct, frozen=True, gc=False):
    """Who a request is from; connections and rates are limited by both.

    Attributes:
        client: where it comes from: an address.
        subject: who it is, if it has proved that; empty otherwise. It appears in
            errors and in the log, so it is never a secret.
        grants: what it may do.
    """

    client: str
    subject: str = ""
    grants: Grants = EVERYTHING

    @property
    def party(self) -> str:
        """Who what it begins counts for: whoever it has proved to be, else the address.

        What one has not proved, one may say differently each time.
        """
        return self.client if self.credential is None else self.subject

    @property
    def credential(self) -> Grants | None:
        """What it proved itself with, which ends and may be taken back; None if nothing."""
        return None if self.grants is EVERYTHING else self.grants


#: Says who asks. It may raise a `StreamerError`, such as `Unauthorized` or `Forbidden`,
#: which is then the answer: a problem over HTTP, a frame and a close code to a WebSocket.
Door = Callable[[Connection], Awaitable[Asker]]


async def by_token(connection: Connection) -> Asker:
    """Let everybody in, by address and by the bearer token that is presented, if any."""
    return known_by_token(connection.scope)


def known_by_token(scope: Any) -> Asker:  # noqa: ANN401 - an ASGI scope
    """Who asks, as `by_token` says it."""
    # Not `connection.headers`: a mapping of all of them that lives as long as the stream.
    # Of several the first.
    given = dict(reversed(scope["headers"])).get(b"authorization")
    return Asker(client_of(scope), "" if given is None else subject_of(given.decode("latin-1")))


async def let_in(request: Request[Any, Any, Any]) -> None:
    """Ask who it is, before every handler: the app's ``before_request``.

    The framework takes the innermost one alone: a router or a handler that has its own
    calls this first.

    Raises:
        StreamerError: what the door raises.
    """
    if not request.route_handler.opt.get("open"):
        await who_asks(request)


async def let_in_to_api(request: Request[Any, Any, Any]) -> None:
    """Ask who it is, then look at the query: the API's ``before_request``."""
    # Not through `let_in`: every stream and every publish would pay for one more coroutine.
    if not request.route_handler.opt.get("open"):
        await who_asks(request)
    check_query(request)


async def who_asks(connection: Connection) -> Asker:
    """Ask the door who asks on `connection`, and keep its answer for `asker_of`.

    A WebSocket calls it once it is accepted, for a browser cannot read why its
    handshake was refused, and while the scope has its headers.

    Raises:
        StreamerError: what the door raises.
    """
    scope: Any = connection.scope
    asker: Asker = await connection.app.state.door(connection)
    scope[_KEY] = asker
    return asker


async def who_has(connection: Connection, token: str) -> Asker:
    """Ask the door who would ask on `connection` with this token, and with nothing else.

    Raises:
        StreamerError: what the door raises.
    """
    scope: Any = {
        **connection.scope,
        "headers": [(b"authorization", b"Bearer " + token.encode("ascii"))],
        "query_string": b"",
        "subprotocols": [],
        "state": {},  # the framework keeps there what it has read of the other headers
    }
    asker: Asker = await connection.app.state.door(ASGIConnection(scope))
    return asker


def keep_asker(scope: Any, asker: Asker) -> None:  # noqa: ANN401 - an ASGI scope
    """Keep who asks for `asker_of`, where the door was not asked."""
    scope[_KEY] = asker


def asker_of(connection: Connection) -> Asker:
    """Who asks, as the door has said before the handler.

    Raises:
        KeyError: the handler is not behind the door.
    """
    scope: Any = connection.scope
    asker: Asker = scope[_KEY]
    return asker


def asked_by(scope: Any) -> Asker | None:  # noqa: ANN401 - an ASGI scope
    """Who asks, where the door was asked and let somebody in; None where not."""
    asker: Asker | None = scope.get(_KEY)
    return asker


def client_of(scope: Any) -> str:  # noqa: ANN401 - an ASGI scope
    """The address a request comes from, as the server (or its trusted proxy) says.

    For IPv6 it is the network that one subscriber has (RFC 6177): whoever has 2^64
    addresses must not count as that many clients.
    """
    address = scope.get("client")
    return party_of(address[0]) if address else "unknown"


def subject_of(authorization: str) -> str:
    """A name for whoever presents this ``Authorization: Bearer`` token; empty if none does.

    The name is of a hash: a token must never stand in an error or a log line.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return ""
    text = token.strip().encode("latin-1", "replace")
    return "token " + hashlib.blake2b(text, digest_size=6).hexdigest()
