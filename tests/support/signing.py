"""Private keys of a test's own issuer, and what it publishes and signs with them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")


@cache
def private_key(algorithm: str, number: int = 0, *, bits: int = 2048) -> PrivateKey:
    """A key for `algorithm`: the same one for the same `number`, for RSA is slow to make."""
    if algorithm == "RS256":
        return generate_rsa(public_exponent=65537, key_size=bits)
    return (
        generate_private_key(SECP256R1()) if algorithm == "ES256" else Ed25519PrivateKey.generate()
    )


def public_pem(key: PrivateKey) -> str:
    """The public half as a PEM."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_jwk(algorithm: str, key: PrivateKey, **further: object) -> dict[str, Any]:
    """The public half as a member of a key set."""
    written = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key())
    return {**json.loads(written), **further}


def sign(
    claims: dict[str, Any] | bytes,
    key: PrivateKey | str | bytes,
    algorithm: str,
    headers: dict[str, Any] | None = None,
) -> str:
    """A token of `claims`: an object, or the very bytes that are to be signed."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, key, algorithm, headers=headers)
