"""What verifies a token: a key, and the one algorithm that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ..errors import InvalidToken

Material = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

#: Bits of an RSA key: fewer can be factored (NIST SP 800-131A), more than the second cost
#: milliseconds for each token.
_RSA_BITS: Final = range(2048, 8192 + 1)
#: How a JWK of each algorithm is marked: RFC 7518 section 6, RFC 8037 section 2.
_JWK_KINDS: Final = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}


class UnusableKey(ValueError):
    """A key that verifies no token here; the text says why, without any of it."""


class Key:
    """A key with its algorithm: a token's own ``alg`` never chooses one.

    Attributes:
        algorithm: HS256, RS256, ES256 or EdDSA.
        material: the secret, or the public key.
        key_id: its ``kid`` in a key set; None elsewhere.
    """

    __slots__ = ("algorithm", "identity", "key_id", "material")

    def __init__(self, algorithm: str, material: Material, key_id: str | None = None) -> None:
        self.algorithm: Final = algorithm
        self.material: Final = material
        self.key_id: Final = key_id
        #: What it is the same key by.
        self.identity: Final = (
            material
            if isinstance(material, bytes)
            else material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Key({self.algorithm}, {self.key_id!r})"

    def __eq__(self, other: object) -> bool:
        """Whether both verify the same tokens, under the same name."""
        return isinstance(other, Key) and (self.key_id, self.algorithm, self.identity) == (
            other.key_id,
            other.algorithm,
            other.identity,
        )

    def __hash__(self) -> int:
        """Of what they are equal by."""
        return hash((self.key_id, self.algorithm, self.identity))


class Keys(Protocol):
    """Where the key of a token is found."""

    async def find(self, key_id: str | None, algorithm: str) -> Key:
        """Return the key that a token with this ``kid`` and ``alg`` may be verified by.

        Raises:
            InvalidToken: there is none; a key for another algorithm is none.
            AuthUnavailable: that cannot be known now.
        """
        ...

    def generation(self) -> int | None:
        """Count how often a key has gone; what was verified before may be good no more.

        None: nothing that was verified holds before `find` was asked again.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class OneKey:
    """The key that a setting holds, for tokens with any ``kid`` or none."""

    def __init__(self, key: Key) -> None:
        self._key: Final = key

    async def find(self, key_id: str | None, algorithm: str) -> Key:  # noqa: ARG002 - it is the one
        """Return it, for a token of its algorithm; see `Keys.find`."""
        if algorithm != self._key.algorithm:
            raise wrong_algorithm()
        return self._key

    def generation(self) -> int | None:
        """Return 0: it stays as long as the process."""
        return 0

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def wrong_algorithm() -> InvalidToken:
    """An ``alg`` that is not the key's: a public key taken for a secret is the old trick."""
    return InvalidToken("alg is not that of the key by which the token would be verified")


def secret_key(secret: str) -> Key:
    """The key of a shared secret: HS256."""
    return Key("HS256", secret.encode())


def pem_key(text: str) -> Key:
    r"""The public key in `text`, a PEM (RFC 7468): RS256, ES256 or EdDSA by its kind.

    An escaped line break (``\n``), as env files have them, is one.

    Raises:
        UnusableKey: it is none that verifies a token.
    """
    pem = text.replace("\\n", "\n").strip()
    if "PRIVATE KEY" in pem:
        raise UnusableKey("it is a private key, which belongs to the issuer alone")
    if "BEGIN CERTIFICATE" in pem:
        raise UnusableKey("it is a certificate; its key is: openssl x509 -pubkey -noout -in …")
    try:
        material = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("it is not a public key in PEM form") from None
    return _public_key(material, None)


def jwk_key(jwk: Mapping[str, Any]) -> Key | None:
    """The key that a member of a key set is (RFC 7517); None if it is for something else.

    Sets hold keys for encryption and for other algorithms as well; those are passed over.

    Raises:
        UnusableKey: it is meant for a token, and none may be verified by it.
    """
    try:
        said = msgspec.convert(jwk, _Said)
    except msgspec.ValidationError:
        raise UnusableKey("it is malformed") from None
    algorithm = _JWK_KINDS.get((said.kty, said.crv))
    if algorithm is None or said.alg not in {None, algorithm}:
        return None
    if said.use != "sig" or "verify" not in said.key_ops:
        return None
    if "d" in jwk:
        raise UnusableKey("its private part is published: whoever reads it can make tokens")
    try:
        material = jwt.get_algorithm_by_name(algorithm).from_jwk(dict(jwk))
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError):
        raise UnusableKey("it is malformed") from None
    return _public_key(material, said.kid)


class _Said(msgspec.Struct):
    """What a JWK says it is for (RFC 7517 section 4)."""

    kty: str
    crv: str | None = None
    kid: str | None = None
    alg: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)


def _public_key(material: object, key_id: str | None) -> Key:
    if isinstance(material, RSAPublicKey):
        if material.key_size not in _RSA_BITS:
            least, most = _RSA_BITS[0], _RSA_BITS[-1]
            raise UnusableKey(f"an RSA key must have {least} to {most} bits")
        return Key("RS256", material, key_id)
    if isinstance(material, EllipticCurvePublicKey):
        if not isinstance(material.curve, SECP256R1):
            raise UnusableKey("a key on an elliptic curve must be on P-256, or Ed25519")
        return Key("ES256", material, key_id)
    if isinstance(material, Ed25519PublicKey):
        return Key("EdDSA", material, key_id)
    raise UnusableKey("it must be a key of RSA, of the curve P-256, or Ed25519")
