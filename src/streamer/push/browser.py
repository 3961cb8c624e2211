"""What a browser gives us when it subscribes (Push API, `PushSubscription.toJSON`)."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import InvalidFields

#: Bytes of the authentication secret (RFC 8291 section 3.2).
_AUTH_BYTES: Final = 16


class Keys(msgspec.Struct, frozen=True):
    """What is encrypted with: the browser's public key, and its secret, in base64url."""

    p256dh: str
    auth: str


class PushSubscription(msgspec.Struct, frozen=True, rename="camel"):
    """A subscription as a browser writes it; whatever else it may hold some day is left out.

    Attributes:
        endpoint: where its push service takes what is sent to it.
        expiration_time: milliseconds since 1970 at which it ends, if it does.
        reader: who is told, where nobody is asked who they are; not the browser's.
    """

    endpoint: str
    keys: Keys
    expiration_time: float | None = None
    reader: str | None = None


def check_keys(keys: Keys) -> None:
    """Return if a push can be encrypted with `keys`.

    Raises:
        InvalidFields: it cannot.
    """
    # Before any browser has subscribed, no server needs what encrypts.
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    from .vapid import decode  # noqa: PLC0415

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(keys.p256dh))
    except ValueError:
        raise InvalidFields("keys.p256dh is no public key of the curve P-256") from None
    try:
        is_whole = len(decode(keys.auth)) == _AUTH_BYTES
    except ValueError:
        is_whole = False
    if not is_whole:
        raise InvalidFields(f"keys.auth is not {_AUTH_BYTES} bytes in base64url")
