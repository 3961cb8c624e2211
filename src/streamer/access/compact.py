"""A token as text: three parts of base64url, of which the first two are JSON objects."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final, NoReturn

import msgspec

from ..errors import InvalidToken

#: Bytes of a token's text. One with 256 patterns of topics fits; beyond that lies only
#: work for whoever must read it before its signature is known to be good.
MAX_TOKEN_BYTES: Final = 8 * 1024
#: RFC 7515 section 7.1, with nothing between the parts, around them or at their ends.
_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
#: Forms of a JWT that say who may do what: RFC 7519 section 5.1, RFC 9068 section 2.1.
#: Others that the same issuer signs, as at a logout, are no tokens of access.
_TYPES: Final = frozenset({None, "jwt", "at+jwt"})


class Head(msgspec.Struct, frozen=True, gc=False):
    """What is read of a token before its signature: nothing of it is believed.

    Attributes:
        algorithm: ``alg``, which must be that of the key.
        key_id: ``kid``, which says where to look, and no more.
        claims: the second part as JSON bytes, for when the signature is verified.
    """

    algorithm: str
    key_id: str | None
    claims: bytes


def read_head(token: str) -> Head:
    """Read `token` as far as it must be to find the key.

    What else a header holds is not looked at: a token that brings its own key (``jwk``,
    ``jku``, ``x5u``, ``x5c``) proves nothing.

    Raises:
        InvalidToken: it is too long, not in the one form, or asks for what is not done
            here. The text never holds any of it.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    match = _FORM.fullmatch(token)
    if match is None:
        raise InvalidToken("the token is not three parts of base64url with a dot between them")
    # Decoders forgive what does not matter to them; the same signature in two spellings
    # would be two tokens to the cache, and one that was changed would be taken.
    header, claims, _ = (_decoded(part) for part in match.groups())
    head = read_object(header, "the token's header")
    if "crit" in head or "b64" in head:
        raise InvalidToken("crit: nothing that a token may call critical is known here")
    algorithm, key_id, kind = head.get("alg"), head.get("kid"), head.get("typ")
    if not isinstance(algorithm, str):
        raise InvalidToken("alg must be a string")
    if not isinstance(key_id, str | None):
        raise InvalidToken("kid must be a string")
    plain = kind.lower().removeprefix("application/") if isinstance(kind, str) else kind
    if not isinstance(plain, str | None) or plain not in _TYPES:
        raise InvalidToken("typ must be JWT or at+jwt")
    return Head(algorithm, key_id, claims)


def read_object(text: bytes, what: str) -> dict[str, Any]:
    """Read `text` as a JSON object in which no name comes twice.

    Of two ``sub`` one reader takes the first and another the last (RFC 7519 section 4).

    Raises:
        InvalidToken: it is anything else; the text calls it `what`.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        # Not chained: the parser's error holds the text.
        raise InvalidToken(f"{what} must be a JSON object with each name once")
    return value


def _decoded(part: str) -> bytes:
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        decoded = b""
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise InvalidToken("a part of the token is not base64url in its one form")
    return decoded


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
