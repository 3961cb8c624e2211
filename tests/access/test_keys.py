"""A key says which algorithm it is for, and weak or secret ones are refused."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from streamer.access.keys import Key, OneKey, UnusableKey, jwk_key, pem_key, secret_key
from streamer.errors import InvalidToken
from support.signing import ALGORITHMS, private_key, public_jwk, public_pem


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_for_the_algorithm_of_its_kind(algorithm: str) -> None:
    private = private_key(algorithm)
    key = pem_key(public_pem(private))
    assert key.algorithm == algorithm
    assert jwk_key(public_jwk(algorithm, private)) == key
    assert jwk_key(public_jwk(algorithm, private, kid="k")) != key
    # As in an env file.
    assert pem_key(public_pem(private).replace("\n", "\\n")) == key


def test_a_secret_is_for_hs256_and_is_not_shown() -> None:
    key = secret_key("hunter2 " * 5)
    assert key.algorithm == "HS256"
    assert "hunter2" not in repr(key)
    assert key == Key("HS256", b"hunter2 " * 5)
    assert len({key, secret_key("hunter2 " * 5), secret_key("x" * 32)}) == 2


def refused_pems() -> dict[str, str]:
    private = private_key("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    spki = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "private key, which belongs": private.decode(),
        "2048 to 8192 bits": generate_rsa(public_exponent=65537, key_size=1024)
        .public_key()
        .public_bytes(*spki)
        .decode(),
        "must be on P-256": generate_ec(SECP384R1()).public_key().public_bytes(*spki).decode(),
        "of the curve P-256, or Ed25519": Ed448PrivateKey.generate()
        .public_key()
        .public_bytes(*spki)
        .decode(),
        "openssl x509 -pubkey": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "not a public key in PEM": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    }


@pytest.mark.parametrize("why", refused_pems())
def test_a_pem_that_verifies_nothing_is_refused_with_its_reason(why: str) -> None:
    pem = refused_pems()[why]
    with pytest.raises(UnusableKey, match=why) as caught:
        pem_key(pem)
    told = "".join(traceback.format_exception(caught.value))
    assert pem.splitlines()[1] not in told


def test_what_is_no_pem_is_no_key() -> None:
    for text in ("", "hunter2", "MCowBQYDK2VwAyEA"):
        with pytest.raises(UnusableKey, match="not a public key"):
            pem_key(text)


@pytest.mark.parametrize(
    "changed",
    [
        *({"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}, {"alg": "RSA-OAEP"}),
        *({"key_ops": ["encrypt"]}, {"key_ops": []}, {"kty": "oct"}, {"kty": "unheard of"}),
    ],
)
def test_a_key_for_something_else_is_passed_over(changed: dict[str, Any]) -> None:
    assert jwk_key(public_jwk("RS256", private_key("RS256"), **changed)) is None


def test_no_secret_is_taken_from_a_key_set() -> None:
    """Whatever it is for: it would be public."""
    for further in ({}, {"alg": "HS256"}, {"alg": "HS256", "use": "sig"}):
        assert jwk_key({"kty": "oct", "k": "aHVudGVyMg", **further}) is None
    assert jwk_key({"kty": "EC", "crv": "P-384", "x": "", "y": ""}) is None
    assert jwk_key({"kty": "OKP", "crv": "Ed448", "x": ""}) is None


@pytest.mark.parametrize(
    ("algorithm", "changed", "why"),
    [
        ("RS256", {"d": "AQAB"}, "private part"),
        ("RS256", {"n": "AQAB"}, "malformed"),
        ("RS256", {"n": None}, "malformed"),
        ("RS256", {"e": "Ag"}, "malformed"),
        ("RS256", {"kid": 7}, "malformed"),
        ("RS256", {"kty": ["RSA"]}, "malformed"),
        ("RS256", {"key_ops": "verify"}, "malformed"),
        ("ES256", {"x": "AAAA"}, "malformed"),
        ("ES256", {"y": "A" * 43}, "malformed"),
        ("EdDSA", {"x": "AAAA"}, "malformed"),
        ("EdDSA", {"x": 7}, "malformed"),
    ],
)
def test_a_key_that_is_meant_for_tokens_and_unusable_is_said_to_be(
    algorithm: str, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises(UnusableKey, match=why):
        jwk_key(public_jwk(algorithm, private_key(algorithm), **changed))


def test_a_short_key_of_a_key_set_is_refused() -> None:
    with pytest.raises(UnusableKey, match="2048 to 8192 bits"):
        jwk_key(public_jwk("RS256", private_key("RS256", bits=1024)))


async def test_one_key_is_found_by_any_name_and_for_its_algorithm_alone() -> None:
    key = pem_key(public_pem(private_key("ES256")))
    keys = OneKey(key)
    assert await keys.find(None, "ES256") is key
    assert await keys.find("any", "ES256") is key
    assert keys.generation() == 0
    for algorithm in ("HS256", "RS256", "none", "ES384", "es256"):
        with pytest.raises(InvalidToken, match="alg is not that of the key"):
            await keys.find(None, algorithm)
    await keys.close()
