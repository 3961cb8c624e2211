"""A token is good if it is signed by the right key, for us and for now; none other is."""

from __future__ import annotations

import json
import traceback
from base64 import urlsafe_b64encode
from typing import Any, Final

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.keys import Key, OneKey, pem_key, secret_key
from streamer.access.patterns import Patterns
from streamer.access.tokens import Tokens
from streamer.access.validity import Validity
from streamer.errors import InvalidToken, TokenExpired
from support.seconds_clock import SecondsClock
from support.signing import ALGORITHMS, private_key, public_jwk, public_pem, sign

SECRET: Final = "a secret of thirty-two bytes, hunter2"
NOW: Final = SecondsClock().now
CLAIMS: Final = {
    "sub": "7",
    "exp": NOW + 600,
    "streamer": {"subscribe": ["projects/p1"], "publish": ["projects/**"]},
}


def verifier(key: Key, validity: Validity | None = None) -> tuple[Tokens, SecondsClock]:
    clock = SecondsClock()
    return Tokens(OneKey(key), validity=validity, clock=clock), clock


def by(algorithm: str) -> tuple[Tokens, Any]:
    """What verifies `algorithm`, and what signs for it."""
    if algorithm == "HS256":
        return verifier(secret_key(SECRET))[0], SECRET
    private = private_key(algorithm)
    return verifier(pem_key(public_pem(private)))[0], private


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


async def is_refused(tokens: Tokens, token: str, why: str) -> None:
    """Refused as invalid for the reason `why`, twice, and nothing of it is said or kept."""
    for _ in range(2):
        with pytest.raises(InvalidToken, match=why) as caught:
            await tokens.verify(token)
        assert tokens.known(token) is None
        said = "".join(traceback.format_exception(caught.value))
        assert not any(piece in said for piece in token.split(".") if len(piece) > 16)


@pytest.mark.parametrize("algorithm", ["HS256", *ALGORITHMS])
async def test_a_good_token_is_verified_once_and_then_known(algorithm: str) -> None:
    tokens, key = by(algorithm)
    token = sign(CLAIMS, key, algorithm)
    assert tokens.known(token) is None
    grants = await tokens.verify(token)
    assert grants.subject == "7"
    assert grants.subscribe == Patterns(["projects/p1"])
    assert grants.publish == Patterns(["projects/**"])
    assert grants.expires == NOW + 600
    assert grants.parent_id is None
    assert tokens.known(token) is grants
    assert await tokens.verify(token) is grants


async def test_a_token_of_rfc_9068_is_understood() -> None:
    tokens, _ = verifier(
        pem_key(public_pem(private_key("RS256"))),
        Validity("https://issuer.example", ("https://live.example",)),
    )
    token = sign(
        {
            **CLAIMS,
            "iss": "https://issuer.example",
            "aud": ["https://live.example", "https://other.example"],
            "iat": NOW - 5,
            "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
            "client_id": "s6BhdRkqt3",
            "scope": "openid profile reademail",
            "auth_time": NOW - 60,
        },
        private_key("RS256"),
        "RS256",
        {"typ": "at+jwt", "kid": "RjEwOwOA"},
    )
    grants = await tokens.verify(token)
    assert grants.subject == "7"
    assert grants.issued == NOW - 5
    assert grants.token_id == "dbe39bf3a3ba4238a513f51d6e1691c4"


async def test_a_token_that_ends_is_known_no_more_and_expired_after_the_leeway() -> None:
    tokens, clock = verifier(secret_key(SECRET))
    token = sign(CLAIMS, SECRET, "HS256")
    await tokens.verify(token)
    clock.advance(599)
    assert tokens.known(token) is not None
    clock.advance(1)
    assert tokens.known(token) is None
    assert (await tokens.verify(token)).expires == NOW + 600
    clock.advance(10)
    for _ in range(2):
        with pytest.raises(TokenExpired):
            await tokens.verify(token)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": NOW - 11}, "exp"),
        ({"nbf": NOW + 60}, "nbf"),
        ({"iat": NOW + 60}, "iat"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": None}, "aud"),
        ({"is_admin": "yes"}, "is_admin"),
        ({"sub": 7}, "sub"),
        ({"streamer": {"subscribe": ["a*"]}}, r"streamer\.subscribe"),
    ],
)
async def test_a_well_signed_token_that_is_not_for_us_or_not_for_now_is_refused(
    changed: dict[str, Any], why: str
) -> None:
    tokens, _ = verifier(secret_key(SECRET), Validity("https://issuer.example", ("streamer",)))
    good = {**CLAIMS, "iss": "https://issuer.example", "aud": "streamer"}
    assert (await tokens.verify(sign(good, SECRET, "HS256"))).subject == "7"
    claims = {name: value for name, value in {**good, **changed}.items() if value is not None}
    with pytest.raises((InvalidToken, TokenExpired), match=why):
        await tokens.verify(sign(claims, SECRET, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS256", *ALGORITHMS])
async def test_a_forged_token_is_refused(algorithm: str) -> None:
    tokens, key = by(algorithm)
    other = (
        "another secret of more than 32 bytes"
        if algorithm == "HS256"
        else (private_key(algorithm, 1))
    )
    await is_refused(tokens, sign(CLAIMS, other, algorithm), "signature is wrong")
    good = sign(CLAIMS, key, algorithm)
    header, _, signature = good.split(".")
    await is_refused(
        tokens, f"{header}.{part({**CLAIMS, 'is_admin': True})}.{signature}", "signature is wrong"
    )
    for cut in (good[:-1], good[:-4], good[: -len(signature)], f"{header}."):
        await is_refused(tokens, cut, "signature|base64url")


@pytest.mark.parametrize("algorithm", ["HS256", *ALGORITHMS])
@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", "", " none"])
async def test_a_token_that_is_signed_by_nobody_is_refused(algorithm: str, none: str) -> None:
    tokens, key = by(algorithm)
    header = part({"alg": none, "typ": "JWT"})
    await is_refused(tokens, f"{header}.{part(CLAIMS)}.", "three parts")
    for signature in (b"x", b"0" * 32, sign(CLAIMS, key, algorithm).encode()[-40:]):
        await is_refused(tokens, f"{header}.{part(CLAIMS)}.{part(signature)}", "alg is not")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_public_key_is_never_taken_for_a_secret(algorithm: str) -> None:
    """Key confusion: everybody has the public key, in whatever form it was published."""
    tokens, private = by(algorithm)
    pem = public_pem(private)
    forms = [pem, pem.strip(), pem.replace("\n", "\r\n"), pem.replace("\n", "\\n")]
    forms.append(json.dumps(public_jwk(algorithm, private)))
    for form in forms:
        for hashed in ("HS256", "HS384", "HS512"):
            digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[hashed]
            head = f"{part({'alg': hashed, 'typ': 'JWT'})}.{part(CLAIMS)}"
            signature = jwt.get_algorithm_by_name(hashed)
            signed = signature.sign(head.encode(), form.encode())
            assert len(signed) == {"sha256": 32, "sha384": 48, "sha512": 64}[digest]
            await is_refused(tokens, f"{head}.{part(signed)}", "alg is not")


async def test_the_algorithm_is_the_keys_and_not_the_tokens() -> None:
    """Signed by the right key in the wrong way is not signed."""
    tokens, private = by("RS256")
    for algorithm in ("RS384", "RS512", "PS256", "PS384"):
        await is_refused(tokens, sign(CLAIMS, private, algorithm), "alg is not")
    tokens, _ = by("HS256")
    long_secret = SECRET * 2
    for algorithm in ("HS384", "HS512"):
        tokens, _ = verifier(secret_key(long_secret))
        await is_refused(tokens, sign(CLAIMS, long_secret, algorithm), "alg is not")


@pytest.mark.parametrize("algorithm", ["HS256", *ALGORITHMS])
async def test_a_key_that_the_token_brings_is_not_looked_at(algorithm: str) -> None:
    """CVE-2018-0114 and its like. No URL in it is opened either: nothing here could."""
    tokens, _ = by(algorithm)
    mine = private_key("RS256", 2)
    jwk = public_jwk("RS256", mine, kid="mine")
    for header in (
        {"jwk": jwk, "kid": "mine"},
        {"jku": "https://evil.example/jwks.json", "kid": "mine"},
        {"x5u": "https://evil.example/chain.pem"},
        {"x5c": ["MIIB"], "x5t": "x", "x5t#S256": "y"},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": "https://evil.example/jwks.json"},
        {"kid": "k\r\nX-Evil: 1"},
    ):
        token = sign(CLAIMS, mine, "RS256", header)
        why = "signature is wrong" if algorithm == "RS256" else "alg is not"
        await is_refused(tokens, token, why)
    for empty in (b"", b"\0"):
        head = f"{part({'alg': 'HS256', 'kid': '/dev/null'})}.{part(CLAIMS)}"
        signed = jwt.get_algorithm_by_name("HS256").sign(head.encode(), empty)
        await is_refused(tokens, f"{head}.{part(signed)}", "signature is wrong|alg is not")


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": True}])
async def test_what_a_token_calls_critical_is_not_ignored(header: dict[str, Any]) -> None:
    """RFC 7515 section 4.1.11."""
    tokens, _ = by("HS256")
    head = f"{part({'alg': 'HS256', **header})}.{part(CLAIMS)}"
    signed = jwt.get_algorithm_by_name("HS256").sign(head.encode(), SECRET.encode())
    await is_refused(tokens, f"{head}.{part(signed)}", "crit")


async def test_a_claim_that_comes_twice_is_refused_however_well_it_is_signed() -> None:
    tokens, _ = by("HS256")
    twice = json.dumps(CLAIMS)[:-1] + ', "sub": "8"}'
    await is_refused(tokens, sign(twice.encode(), SECRET, "HS256"), "each name once")


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'"7"', b"{", b'{"sub":"7","exp":NaN}', b"\xff\xff"]
)
async def test_a_signed_text_that_is_no_claims_is_refused(payload: bytes) -> None:
    tokens, _ = by("HS256")
    await is_refused(tokens, sign(payload, SECRET, "HS256"), "JSON object|three parts")


@pytest.mark.parametrize(
    "text", ["", "bearer", "x" * 1024 * 1024, "é.é.é", "\ud800", "a.b.c", "eyJ.eyJ.eyJ", "\0" * 64]
)
async def test_what_is_no_token_at_all_is_refused(text: str) -> None:
    tokens, _ = by("HS256")
    await is_refused(tokens, text, "token")


_GOOD: Final = {
    algorithm: sign(CLAIMS, SECRET if algorithm == "HS256" else private_key(algorithm), algorithm)
    for algorithm in ("HS256", *ALGORITHMS)
}
_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\0é"


@pytest.mark.parametrize("algorithm", ["HS256", *ALGORITHMS])
@given(data=st.data())
async def test_no_change_of_one_character_verifies(algorithm: str, data: st.DataObject) -> None:
    """Changed, left out or put in; anywhere, and the end of the signature most of all."""
    tokens, _ = by(algorithm)
    good = _GOOD[algorithm]
    last = len(good) - 1
    place = data.draw(st.integers(0, last) | st.just(last) | st.just(last - 1))
    kind = data.draw(st.sampled_from(["change", "leave out", "put in", "append"]))
    character = data.draw(st.sampled_from(_CHARACTERS))
    changed = {
        "change": good[:place] + character + good[place + 1 :],
        "leave out": good[:place] + good[place + 1 :],
        "put in": good[:place] + character + good[place:],
        "append": good + character,
    }[kind]
    assert (await tokens.verify(good)).subject == "7"
    if changed != good:
        assert tokens.known(changed) is None
        with pytest.raises(InvalidToken):
            await tokens.verify(changed)


async def test_without_keys_no_token_of_others_is_good() -> None:
    """Where the application is asked about everybody else."""
    await is_refused(Tokens(None), _GOOD["HS256"], "not made here")
