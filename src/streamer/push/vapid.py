"""Who we are to push services (VAPID, RFC 8292): a key, and what is signed with it."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from ..config.auth import is_pem
from ..config.push import is_raw_key

#: Seconds that a signature holds; a day is the most that may be (RFC 8292 section 2).
_HOLDS: Final = 12 * 3600
#: Seconds for which the same one is used: signing takes longer than all else.
_USED: Final = 3600
#: Origins that one is kept for; there are as many as push services.
_MOST_KEPT: Final = 100
#: What the key is derived for (as HKDF-Expand does, RFC 5869 section 2.3).
_PURPOSE: Final = b"streamer: web push, 1"
#: The order of the curve P-256 (SP 800-186, section 3.2.1.3).
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: Bytes of a PEM that are read; a key has some 250.
_MOST_PEM: Final = 16 * 1024


class UnusableKey(Exception):
    """``STREAMER_PUSH_KEY`` holds no key that can be used; the text says why."""


class VapidKey:
    """A private key, and its public one as a browser is given it."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private: Final = private
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        #: The ``applicationServerKey`` (Push API), in base64url.
        self.public: Final = encode(point)
        self._signed: dict[str, tuple[float, str]] = {}

    def authorization(self, origin: str, subject: str, now: float) -> str:
        """The header ``Authorization`` for what is sent to `origin` (RFC 8292 section 3).

        `subject` is whom its operator reaches, `now` in seconds since 1970.
        """
        kept = self._signed.get(origin)
        if kept is not None and 0 <= now - kept[0] < _USED:
            return kept[1]
        claims = {"aud": origin, "exp": int(now) + _HOLDS, "sub": subject}
        token = jwt.encode(claims, self._private, "ES256")
        if len(self._signed) >= _MOST_KEPT:
            self._signed.clear()
        header = f"vapid t={token}, k={self.public}"
        self._signed[origin] = (now, header)
        return header


#: Gives the key that is in use now.
KeySource = Callable[[], Awaitable[VapidKey]]


def set_key(text: str) -> KeySource:
    """The key of ``STREAMER_PUSH_KEY``: a PEM, the path to one, or 32 bytes in base64url.

    Raises:
        UnusableKey: it is none of these, or of another curve.
    """
    key = VapidKey(_read(text))

    async def same() -> VapidKey:
        return key

    return same


def kept_key(material: Callable[[], Awaitable[bytes]]) -> KeySource:
    """A key made of bytes that all processes share; asked each time, for they may be lost."""
    made: tuple[bytes, VapidKey] | None = None

    async def derived() -> VapidKey:
        nonlocal made
        found = await material()
        if made is None or made[0] != found:
            bits = int.from_bytes(hmac.digest(found, _PURPOSE + b"\x01", "sha512"), "big")
            # As FIPS 186-5 has it in A.2.1: of so many more bits that no number is likelier.
            scalar = bits % (_ORDER - 1) + 1
            made = found, VapidKey(ec.derive_private_key(scalar, ec.SECP256R1()))
        return made[1]

    return derived


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5), as all of Web Push has it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """What `encode` has written; raises `ValueError` for anything else."""
    bare = text.rstrip("=")
    found = urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    if encode(found) != bare:
        raise ValueError("it is not base64url")
    return found


def _read(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        if is_raw_key(text):
            return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())
        pem = text.encode() if is_pem(text) else _file(text)
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        # Not the library's text: it may repeat a part of the key.
        raise UnusableKey("it cannot be read, or is encrypted") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnusableKey("it is not of the curve P-256 (RFC 8292 section 2)")
    return key


def _file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MOST_PEM)
    except OSError as error:
        raise UnusableKey(f"its file cannot be read: {error.strerror}") from None
