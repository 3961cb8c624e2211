"""The key of pushes: wherever it is from, and what is signed with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from streamer.push.vapid import UnusableKey, VapidKey, decode, encode, kept_key, set_key
from support.push_service import from_base64url

PRIVATE = ec.derive_private_key(7, ec.SECP256R1())


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_it_is_the_same_as_a_pem_in_a_file_and_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "push.pem").write_text(pem_of(PRIVATE))
    given = (pem_of(PRIVATE), str(tmp_path / "push.pem"), encode((7).to_bytes(32, "big")))
    found = {(await set_key(text)()).public for text in given}
    assert found == {VapidKey(PRIVATE).public}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), "P-256"),
        (pem_of(PRIVATE)[:80], "cannot be read"),
        ("_" * 43, "cannot be read"),
        ("nowhere.pem", "cannot be read"),
    ],
)
def test_a_key_of_another_kind_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnusableKey, match=said):
        set_key(text)


async def test_a_key_of_the_log_is_the_same_for_the_same_bytes_and_changes_with_them() -> None:
    material = b"a" * 32

    async def asked() -> bytes:
        return material

    first, second = kept_key(asked), kept_key(asked)
    assert await first() is await first()
    assert (await first()).public == (await second()).public
    before = (await first()).public
    material = b"b" * 32
    assert (await first()).public != before


def test_a_signature_is_used_for_an_hour_at_its_own_service() -> None:
    key = VapidKey(PRIVATE)
    signed = key.authorization("https://a.example", "mailto:a@b", 1000.0)
    assert key.authorization("https://a.example", "mailto:a@b", 4599.0) == signed
    later = key.authorization("https://a.example", "mailto:a@b", 4600.0)
    other = key.authorization("https://b.example", "mailto:a@b", 1000.0)
    claims = [
        json.loads(from_base64url(it.removeprefix("vapid t=").split(".")[1]))
        for it in (signed, later, other)
    ]
    assert claims == [
        {"aud": "https://a.example", "exp": 44_200, "sub": "mailto:a@b"},
        {"aud": "https://a.example", "exp": 47_800, "sub": "mailto:a@b"},
        {"aud": "https://b.example", "exp": 44_200, "sub": "mailto:a@b"},
    ]


def test_however_many_origins_there_are_few_signatures_are_kept() -> None:
    key = VapidKey(PRIVATE)
    for n in range(250):
        key.authorization(f"https://{n}.example", "mailto:a@b", 0.0)
    assert len(key._signed) <= 100


@pytest.mark.parametrize("text", ["a", "a b", "ab*=", "_-+/", "é"])
def test_what_is_not_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        decode(text)
