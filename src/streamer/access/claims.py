"""Verified claims, of a token or of the application's answer, as grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import InvalidToken, InvalidTopic
from .grants import Grants
from .patterns import Patterns

#: Characters of a ``sub`` or a ``jti``. OpenID Connect allows 255; it is kept for every
#: reader, and in the log for what is revoked.
MAX_NAME: Final = 255
#: Characters of a ``name``, of which more are cut.
MAX_SHOWN_NAME: Final = 64
#: The last second of the year 9999: what comes later has no ISO form.
_LAST_MOMENT: Final = 253_402_300_799


def grants_of(claims: Mapping[str, object]) -> Grants:
    """What `claims` allow. Who made them, and whether it is their time, is known before.

    Read are::

        {
          "sub": "7",                             # who it is; required
          "name": "Ada",                          # what others are shown
          "is_admin": false,                      # true: reads every topic
          "streamer": {"subscribe": ["projects/p1", "chats/**"], "publish": []},
          "exp": 1790000000, "iat": 1789996400,   # seconds since 1970
          "jti": "5f0c…"                          # by which it can be revoked
        }

    A ``client_id`` (RFC 9068) must be a string, and grants nothing; nor does a ``name``. A
    ``scope`` is the application's own; whatever else is there is not looked at.

    Raises:
        InvalidToken: a claim has the wrong type or is out of range; the text names it.
    """
    subject = _name(claims, "sub")
    if not subject:
        raise InvalidToken("sub is missing: it says who is asking")
    _name(claims, "client_id")
    is_admin = claims.get("is_admin", False)
    # 1 and "true" are not true: a claim that gives this much is as its author meant it.
    if not isinstance(is_admin, bool):
        raise InvalidToken("is_admin must be true or false")
    ours = claims.get("streamer", {})
    if not isinstance(ours, Mapping):
        raise InvalidToken('streamer must be an object, as in {"subscribe": [], "publish": []}')
    return Grants(
        subject,
        name=_shown_name(claims),
        is_admin=is_admin,
        subscribe=_patterns(ours, "subscribe"),
        publish=_patterns(ours, "publish"),
        expires=moment(claims, "exp"),
        issued=moment(claims, "iat"),
        token_id=_name(claims, "jti"),
    )


def moment(claims: Mapping[str, object], name: str) -> float | None:
    """The claim `name` in seconds since 1970 (RFC 7519 section 2, NumericDate), if it is there.

    Raises:
        InvalidToken: it is no number, or of no year from 1970 to 9999.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    # A bool is an int to Python; NaN is between no two numbers.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"{name} must be a number of seconds since 1970")
    if not 0 <= value <= _LAST_MOMENT:
        raise InvalidToken(f"{name} must be a number of seconds since 1970, before the year 10000")
    return float(value)


def _name(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise InvalidToken(f"{name} must be a string")
    # Half a character (U+D800) can be written in JSON, and nowhere else after that.
    if len(value) > MAX_NAME or not value.isprintable():
        raise InvalidToken(f"{name} must be at most {MAX_NAME} characters that can be seen")
    return value


def _shown_name(claims: Mapping[str, object]) -> str:
    """The claim ``name`` (OpenID Connect Core, section 5.1), as it can be shown on one line.

    It proves nothing, and an issuer has it from the person: what cannot be shown of it, such
    as a letter that turns the rest of the line around, is left out.
    """
    value = claims.get("name", "")
    if not isinstance(value, str):
        raise InvalidToken("name must be a string")
    return shown_name(value)


def shown_name(text: str) -> str:
    """`text` without what cannot be seen, and not too long."""
    # U+200D joins the parts of an emoji.
    seen = "".join(c for c in text if c.isprintable() or c == "\u200d")
    return seen.strip()[:MAX_SHOWN_NAME].strip()


def _patterns(ours: Mapping[str, object], name: str) -> Patterns:
    listed = ours.get(name, [])
    if not isinstance(listed, list | tuple):
        raise InvalidToken(f"streamer.{name} must be a list of topics and patterns")
    try:
        return Patterns(listed)
    except InvalidTopic as error:
        raise InvalidToken(f"streamer.{name}: {error.detail}") from error
