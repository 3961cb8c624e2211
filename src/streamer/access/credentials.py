"""Where a credential is in a request, and that there is one and no other.

Nothing here compares or reads a token: it is found, handed on once, and taken out of
whatever outlives the request or is logged.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from ..errors import Unauthorized

#: The query parameter for those that can set no header: EventSource and WebSocket.
URL_TOKEN: Final = "token"  # noqa: S105 - its name
#: The subprotocol that says that the next one is a token.
BEARER: Final = "bearer"

#: What a token is written with, before any ``=`` at its end (RFC 6750 section 2.1).
_LETTERS: Final = (string.ascii_letters + string.digits + "-._~+/").encode()
#: Bytes of a token; what identity providers issue, with hundreds of groups in it, is
#: below that, and each is hashed to be looked up.
MAX_TOKEN_BYTES: Final = 16 * 1024
#: How the header of every JWT begins: ``{"``, in base64.
_JWT: Final = "eyJ"

#: What is forgotten once it is read. A browser offers a token as a subprotocol.
_SECRET_HEADERS: Final = frozenset({b"authorization", b"cookie", b"sec-websocket-protocol"})
#: Where tokens from the URL wait in the scope.
_KEY: Final = "streamer.url_tokens"
#: What stands in a URL for a value that is not shown.
_HIDDEN: Final = b"***"

#: An ASGI scope, and a header in it.
Scope = MutableMapping[str, Any]
Header = tuple[bytes, bytes]
#: A place, as errors name it, and what is there.
_Found = tuple[str, bytes]


class Credential(msgspec.Struct, frozen=True, gc=False):
    """What somebody presents to prove who they are.

    Attributes:
        token: a secret.
        is_ambient: it was a cookie, which a browser sends by itself, also where the
            page that asks is of another site.
    """

    token: str
    is_ambient: bool = False

    def __repr__(self) -> str:
        """Without the token: it may end in a log or a traceback."""
        return f"Credential(***, is_ambient={self.is_ambient})"


class _Hidden:
    """Tokens that the repr of a scope does not show."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self.tokens: Final = tokens

    def __repr__(self) -> str:
        """Without them."""
        return "***"


def hide_url_tokens(scope: Scope) -> None:
    """Take ``?token=`` out of the query, for `credential_of` to find.

    Call it before anybody else sees the scope. What servers log, what an error repeats
    and what a stream keeps is the query that is left. The value of a parameter that
    looks like a wrong name for it, such as ``access_token``, is not left either.
    """
    query: bytes = scope["query_string"]
    # "%" may hide any letter of the name.
    if b"token" not in query.lower() and b"%" not in query:
        return
    tokens, left = [], []
    for pair in query.split(b"&"):
        name, equals, value = pair.partition(b"=")
        plain = unquote_to_bytes(name)
        if plain == URL_TOKEN.encode():
            tokens.append(unquote_to_bytes(value))
        elif b"token" in plain.lower():
            left.append(name + equals + _HIDDEN)
        else:
            left.append(pair)
    scope["query_string"] = b"&".join(left)
    if tokens:
        scope[_KEY] = _Hidden(tokens)


def credential_of(scope: Scope, cookie: str) -> Credential | None:
    """Find what `scope` presents; None if it is nothing at all.

    Looked at are ``Authorization: Bearer``, the WebSocket subprotocols ``bearer,
    <token>`` and ``?token=``; the same token may be in several of them. The cookie of
    that name counts where there is none of those, and only there.

    Args:
        scope: of a request or a WebSocket, after `hide_url_tokens`.
        cookie: a cookie's name.

    Raises:
        Unauthorized: one is empty or malformed or comes twice, or two differ: who
            presents something is never taken for somebody who presents nothing, nor
            for whom the other token names.
    """
    presented = _single(_presented(scope))
    # A browser adds its cookie to whatever its page presents, and the page may have no way
    # to take one off that is old, or names somebody else.
    return presented or _single(_cookies(scope, cookie.encode("ascii")))


def lone_token(scope: Scope) -> str | None:
    """The token of a request that presents one, wherever, and once.

    As it was sent, and not looked at: it is for whoever only asks whether it is known.
    None says nothing of the request; `credential_of` does.
    """
    named: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    carried = _out_of_band(scope) if _KEY in scope or scope.get("subprotocols") else ()
    if len(named) + len(carried) != 1:
        return None
    if carried:
        return carried[0][1].decode("latin-1")
    return named[0][7:].decode("latin-1") if named[0][:7] == b"Bearer " else None


def _single(presented: Sequence[_Found]) -> Credential | None:
    if not presented:
        return None
    found: dict[str, bytes] = {}
    for place, token in presented:
        if place in found:
            raise Unauthorized(f"{place} holds two credentials; present one")
        if not token:
            raise Unauthorized(f"{place} holds an empty credential; present one or leave it out")
        if len(token) > MAX_TOKEN_BYTES or not _is_written_well(token):
            raise Unauthorized(
                f"{place} holds no token: one is at most {MAX_TOKEN_BYTES} of the characters "
                "A-Z a-z 0-9 . _ ~ + / - and may end with ="
            )
        found[place] = token
    first, *others = found
    for other in others:
        if found[other] != found[first]:
            raise Unauthorized(f"{first} and {other} hold different credentials; present one")
    return Credential(found[first].decode("ascii"), is_ambient=first == _COOKIE)


def _is_written_well(token: bytes) -> bool:
    # A regular expression takes microseconds, for every publish.
    text = token.rstrip(b"=")
    return bool(text) and not text.translate(None, _LETTERS)


def with_header(scope: Scope) -> list[Header]:
    """The headers of `scope`; a token that only we would find elsewhere is among them.

    For an application, which knows ``Authorization`` and its own cookies and nothing else.

    Raises:
        Unauthorized: as of `credential_of`, or there is an ``Authorization`` beside it.
    """
    headers: list[Header] = scope["headers"]
    carried = _single(_out_of_band(scope))
    if carried is None:
        return headers
    named = [value for name, value in headers if name == b"authorization"]
    authorization = b"Bearer " + carried.token.encode("ascii")
    if named and named != [authorization]:
        raise Unauthorized(f"{_HEADER} and the URL hold different credentials; present one")
    return headers if named else [*headers, (b"authorization", authorization)]


def bearer_in(headers: Iterable[Header]) -> str | None:
    """The token of a single ``Authorization: Bearer``; None of any other."""
    named = [value for name, value in headers if name == b"authorization"]
    if len(named) != 1 or not named[0].lower().startswith(b"bearer "):
        return None
    return named[0][len(b"bearer ") :].strip(b" ").decode("latin-1")


def are_ambient(headers: Iterable[Header]) -> bool:
    """Whether a browser may have added a proof to `headers` by itself: cookies, a password."""
    return any(
        name == b"cookie" or (name == b"authorization" and not value.lower().startswith(b"bearer "))
        for name, value in headers
    )


def forget(scope: Scope) -> None:
    """Take out of `scope` whatever is a credential; it may live as long as a stream."""
    scope["headers"] = [
        (name, value) for name, value in scope["headers"] if name not in _SECRET_HEADERS
    ]
    scope.pop(_KEY, None)
    if "subprotocols" in scope:
        scope["subprotocols"] = []


def spoken(offered: Sequence[str], ours: str) -> str | None:
    """Which subprotocol a WebSocket's answer names: `ours`, ``bearer``, else the first.

    A browser fails a connection whose answer names none of those that it offered
    (WHATWG WebSockets, 2.1); a client that offers none is answered none. Whatever it
    is called, what is spoken is the same. A token is never named: proxies log answers.
    """
    if ours in offered:
        return ours
    for name in offered:
        if name.lower() == BEARER:
            return name
    return next((name for name in offered if not name.startswith(_JWT)), None)


#: The places, in the order in which they count, as errors name them.
_HEADER: Final = "the Authorization header"
_SUBPROTOCOL: Final = "the WebSocket subprotocol after bearer"
_QUERY: Final = "?token="
_COOKIE: Final = "the cookie"


def _presented(scope: Scope) -> list[_Found]:
    """What somebody presents who means to."""
    found: list[_Found] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            found.append((_HEADER, _bearer(value)))
    found += _out_of_band(scope)
    return found


def _cookies(scope: Scope, cookie: bytes) -> list[_Found]:
    sent = (pair for name, value in scope["headers"] if name == b"cookie" for pair in _pairs(value))
    return [(_COOKIE, token) for name, token in sent if name == cookie]


def _out_of_band(scope: Scope) -> list[_Found]:
    """What those present that can set no header."""
    found: list[_Found] = []
    offered: Sequence[str] = scope.get("subprotocols", ())
    for number, name in enumerate(offered):
        if name.lower() == BEARER:
            # Of two that say so, the second may be the token of the first: that is none.
            following = "".join(offered[number + 1 : number + 2])
            # Percent-encoded: no subprotocol has a "/" or a "=", which a token may have.
            token = unquote_to_bytes(following.encode("ascii", "replace"))
            found.append((_SUBPROTOCOL, token))
    hidden: _Hidden | None = scope.get(_KEY)
    if hidden is not None:
        found += ((_QUERY, token) for token in hidden.tokens)
    return found


def _bearer(value: bytes) -> bytes:
    scheme, _, token = value.strip(b" \t").partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthorized(f"{_HEADER} is of another scheme; it must be: Bearer <token>")
    return token.strip(b" ")


def _pairs(cookies: bytes) -> Iterator[tuple[bytes, bytes]]:
    for pair in cookies.split(b";"):
        name, _, value = pair.partition(b"=")
        yield name.strip(b" \t"), value.strip(b' \t"')
