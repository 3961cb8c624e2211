"""A token's text has one form, and its header is believed in nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.compact import MAX_TOKEN_BYTES, Head, read_head, read_object
from streamer.errors import InvalidToken


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: object, claims: object = b"{}", signature: bytes = b"s" * 32) -> str:
    return ".".join((part(header), part(claims), part(signature)))


def test_a_head_says_where_to_look_for_the_key() -> None:
    head = read_head(token({"alg": "RS256", "kid": "k", "typ": "at+jwt"}, b'{"sub":"7"}'))
    assert head == Head("RS256", "k", b'{"sub":"7"}')
    assert read_head(token({"alg": "none"})) == Head("none", None, b"{}")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_token_of_access_may_say_so(typ: str) -> None:
    """RFC 9068 section 2.1."""
    assert read_head(token({"alg": "RS256", "typ": typ})).algorithm == "RS256"


GOOD = token({"alg": "HS256"})


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a", "a.b", "a.b.c.d.e", f"{GOOD}.", f".{GOOD}", f"{GOOD}="),
        *(f" {GOOD}", f"{GOOD}\n", GOOD.replace(".", " "), GOOD.replace(".", "..", 1)),
        *(f"{GOOD[:-1]}+", f"{GOOD[:-1]}/", f"{GOOD[:-1]}é", f"{GOOD}\0", "\ud800" + GOOD),
        "\N{FULLWIDTH LATIN SMALL LETTER E}" + GOOD[1:],
        f"{part({'alg': 'HS256'})}..{part(b's' * 32)}",
        f"{part({'alg': 'HS256'})}.{part(b'{}')}.",
        f"a.{GOOD.partition('.')[2]}",
    ],
)
def test_any_other_form_is_refused_without_any_of_it(text: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        read_head(text)
    assert GOOD[:10] not in caught.value.detail


def test_a_token_of_a_megabyte_is_refused_before_it_is_looked_at() -> None:
    assert read_head(token({"alg": "HS256"}, b"c" * 6000)).claims == b"c" * 6000
    for text in ("a" * 1024 * 1024, token({"alg": "HS256"}, b"c" * MAX_TOKEN_BYTES)):
        with pytest.raises(InvalidToken, match="longer than 8192 bytes"):
            read_head(text)


def test_a_signature_has_one_spelling() -> None:
    """The last character of 32 bytes has two bits that say nothing."""
    start, last = GOOD[:-1], GOOD[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    read = []
    for character in alphabet:
        try:
            read_head(start + character)
        except InvalidToken:
            continue
        read.append(character)
    assert last in read
    assert len(read) == 16


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({}, "alg must be a string"),
        ({"alg": None}, "alg must be a string"),
        ({"alg": ["HS256"]}, "alg must be a string"),
        ({"alg": "HS256", "kid": 1}, "kid must be a string"),
        ({"alg": "HS256", "kid": ["k"]}, "kid must be a string"),
        ({"alg": "HS256", "typ": "logout+jwt"}, "typ must be"),
        ({"alg": "HS256", "typ": "JWE"}, "typ must be"),
        ({"alg": "HS256", "typ": ["JWT"]}, "typ must be"),
        ({"alg": "HS256", "crit": ["exp"]}, "crit: nothing"),
        ({"alg": "HS256", "crit": []}, "crit: nothing"),
        ({"alg": "HS256", "b64": False}, "crit: nothing"),
        ([], "must be a JSON object"),
        (b"", "base64url|three parts"),
        (b"{", "must be a JSON object"),
        (b'{"alg":"HS256","alg":"none"}', "each name once"),
        (b'{"alg":"HS256","x":NaN}', "must be a JSON object"),
        (b"\xff\xfe{}", "must be a JSON object"),
        (b'{"a":' * 1200, "must be a JSON object"),
    ],
)
def test_a_header_that_is_none_or_asks_for_more_is_refused(header: object, named: str) -> None:
    with pytest.raises(InvalidToken, match=named):
        read_head(token(header))


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"7", b"[]", b'"{}"', b'{"sub":"7","sub":"8"}', b'{"exp":Infinity}'),
        *(b'{"a":{"b":1,"b":1}}', b'{"exp":-Infinity}', b'{"exp":' + b"9" * 5000 + b"}"),
    ],
)
def test_claims_are_an_object_with_each_name_once(text: bytes) -> None:
    with pytest.raises(InvalidToken, match=r"\Ait must be a JSON object") as caught:
        read_object(text, "it")
    assert caught.value.__cause__ is None


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{1,40}"))
def test_whatever_the_text_it_is_a_head_or_an_invalid_token(text: str) -> None:
    try:
        head = read_head(text)
    except InvalidToken:
        return
    assert isinstance(head.algorithm, str)
