"""Keys at a URL: fetched once, refreshed, rotated, and held while the issuer is away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

import pytest

from streamer.access.jwks import JWKS
from streamer.access.tokens import Tokens
from streamer.errors import AuthUnavailable, InvalidToken
from support.answering import Answering, Endless, settled
from support.seconds_clock import SecondsClock
from support.signing import private_key, public_jwk, sign

URL: Final = "https://issuer.example/jwks.json"
HOUR: Final = 3600.0


def jwk(number: int, algorithm: str = "ES256", **further: object) -> dict[str, Any]:
    return public_jwk(
        algorithm, private_key(algorithm, number), **{"kid": f"key-{number}", **further}
    )


class Published(Answering):
    """An issuer, and the keys that it publishes."""

    def keys(self, *numbers: int) -> None:
        self.publish(*(jwk(number) for number in numbers))

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
def published() -> Published:
    published = Published()
    published.keys(0)
    return published


@pytest.fixture
async def keys(published: Published, clock: SecondsClock) -> AsyncIterator[JWKS]:
    keys = JWKS(URL, client=published.client, clock=clock)
    yield keys
    await keys.close()


async def test_keys_are_fetched_when_first_needed_and_once(
    keys: JWKS, published: Published
) -> None:
    assert keys.generation() is None
    assert published.asked == 0
    found = await asyncio.gather(*(keys.find("key-0", "ES256") for _ in range(50)))
    assert {key.key_id for key in found} == {"key-0"}
    assert published.asked == 1
    assert keys.generation() == 0


async def test_whoever_leaves_while_they_are_fetched_takes_them_from_nobody(
    keys: JWKS, published: Published
) -> None:
    published.may_answer.clear()
    leaves, stays = (asyncio.create_task(keys.find("key-0", "ES256")) for _ in range(2))
    await published.was_asked(1)
    leaves.cancel()
    published.may_answer.set()
    assert (await stays).key_id == "key-0"
    assert published.asked == 1
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_they_are_refreshed_in_the_background_when_they_are_used_and_old(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    await keys.find("key-0", "ES256")
    clock.advance(299)
    assert keys.generation() == 0
    await settled()
    assert published.asked == 1
    clock.advance(1)
    published.may_answer.clear()
    # Nobody waits for it.
    assert (await keys.find("key-0", "ES256")).key_id == "key-0"
    await published.was_asked(2)
    published.may_answer.set()
    await settled()
    assert keys.generation() == 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 300),
        ("public, max-age=900, must-revalidate", 900),
        ('Max-Age="900"', 900),
        ("s-maxage=900", 300),
        ("max-age=1", 60),
        ("max-age=0, no-cache", 60),
        ("max-age=999999999", 3600),
        ("max-age=-1", 300),
        ("max-age=x", 300),
    ],
)
async def test_they_are_old_when_the_issuer_says_so_within_reason(
    keys: JWKS, published: Published, clock: SecondsClock, said: str, seconds: float
) -> None:
    published.headers = {"Cache-Control": said}
    await keys.find("key-0", "ES256")
    clock.advance(seconds - 1)
    assert keys.generation() == 0
    await settled()
    assert published.asked == 1
    clock.advance(1)
    assert keys.generation() == 0
    await published.was_asked(2)


async def test_after_a_silence_old_keys_are_fetched_before_they_are_used(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    await keys.find("key-0", "ES256")
    published.keys(1)
    clock.advance(2 * HOUR)
    assert keys.generation() is None
    with pytest.raises(InvalidToken, match="kid"):
        await keys.find("key-0", "ES256")
    assert keys.generation() == 1


async def test_a_new_key_is_known_as_soon_as_a_token_names_it(
    keys: JWKS, published: Published
) -> None:
    await keys.find("key-0", "ES256")
    published.keys(0, 1)
    assert (await keys.find("key-1", "ES256")).key_id == "key-1"
    assert published.asked == 2
    # None has gone.
    assert keys.generation() == 0


async def test_whatever_key_ids_strangers_invent_the_issuer_is_asked_once_in_ten_seconds(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    await keys.find("key-0", "ES256")

    async def invent(number: int) -> None:
        with pytest.raises(InvalidToken, match="kid is not that of a key"):
            await keys.find(f"invented-{number}", "ES256")

    await asyncio.gather(*(invent(number) for number in range(100)))
    assert published.asked == 2
    clock.advance(9.9)
    await asyncio.gather(*(invent(number) for number in range(100)))
    assert published.asked == 2
    clock.advance(0.1)
    await asyncio.gather(*(invent(number) for number in range(100)))
    assert published.asked == 3


async def test_a_key_that_is_gone_is_accepted_no_more_nor_is_what_it_had_verified(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    tokens = Tokens(keys, clock=clock)

    def token(number: int) -> str:
        claims = {"sub": f"user-{number}", "exp": clock() + HOUR}
        return sign(claims, private_key("ES256", number), "ES256", {"kid": f"key-{number}"})

    old, new = token(0), token(1)
    await tokens.verify(old)
    published.keys(1)
    assert tokens.known(old) is not None
    clock.advance(300)
    tokens.known(old)
    await published.was_asked(2)
    assert tokens.known(old) is None
    with pytest.raises(InvalidToken, match="kid"):
        await tokens.verify(old)
    assert (await tokens.verify(new)).subject == "user-1"
    assert tokens.known(new) is not None


async def test_an_issuer_that_is_away_logs_nobody_out_for_a_day(
    keys: JWKS, published: Published, clock: SecondsClock, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(keys, clock=clock)
    claims = {"sub": "7", "exp": clock() + 48 * HOUR}
    token = sign(claims, private_key("ES256", 0), "ES256", {"kid": "key-0"})
    other = sign({**claims, "jti": "2"}, private_key("ES256", 0), "ES256", {"kid": "key-0"})
    await tokens.verify(token)
    published.is_away = True
    clock.advance(HOUR)
    await tokens.verify(token)
    assert published.asked == 2
    for _ in range(22):
        clock.advance(HOUR)
        assert tokens.known(token) is not None
        await settled()
    assert (await tokens.verify(other)).subject == "7"
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "cannot be fetched: it cannot be reached (ConnectError)" in lines[0].getMessage()
    clock.advance(HOUR)
    assert tokens.known(token) is None
    with pytest.raises(AuthUnavailable, match="cannot be fetched now"):
        await tokens.verify(token)
    published.is_away = False
    clock.advance(10)
    assert (await tokens.verify(token)).subject == "7"
    assert "can be fetched again" in caplog.text


async def test_while_it_is_away_it_is_tried_every_ten_seconds_and_nobody_waits(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    await keys.find("key-0", "ES256")
    published.is_away = True
    clock.advance(300)
    assert keys.generation() == 0
    await published.was_asked(2)
    published.may_answer.clear()
    for _ in range(5):
        clock.advance(1.9)
        assert keys.generation() == 0
    await settled()
    assert published.asked == 2
    clock.advance(0.5)
    assert (await keys.find("key-0", "ES256")).key_id == "key-0"
    await published.was_asked(3)
    published.may_answer.set()


async def test_an_unknown_key_of_an_issuer_that_is_away_is_not_called_false(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    """It may be a new one: who has it is to come back, and is not logged out."""
    await keys.find("key-0", "ES256")
    published.is_away = True
    for _ in range(3):
        with pytest.raises(AuthUnavailable, match="not known") as caught:
            await keys.find("key-1", "ES256")
        assert caught.value.retry_after == 10.0
    assert published.asked == 2


async def test_without_any_keys_it_cannot_be_said_who_asks(
    keys: JWKS, published: Published, clock: SecondsClock
) -> None:
    published.is_away = True
    for _ in range(3):
        with pytest.raises(AuthUnavailable) as caught:
            await keys.find("key-0", "ES256")
        assert caught.value.retry_after == 1.0
    assert published.asked == 1
    published.is_away = False
    clock.advance(1)
    assert (await keys.find("key-0", "ES256")).key_id == "key-0"


#: What is logged, and how the issuer answers then.
REFUSED: Final[dict[str, dict[str, object]]] = {
    "the status 500": {"status": 500},
    "the status 404": {"status": 404},
    "the status 302": {"status": 302, "headers": {"Location": URL}},
    "the answer is not a key set": {"body": b"<html>"},
    'answer is not a key set: {"keys"': {"body": b'{"keys": {}}'},
    "is not a key set": {"body": b'{"keys": ["x"]}'},
    "not a key set": {"body": b'{"keys":' + b"[" * 100_000},
    "101 keys; at most 100": {"body": json.dumps({"keys": [{}] * 101}).encode()},
    "larger than 262144 bytes": {"body": Endless()},
    "compressed": {"headers": {"Content-Encoding": "br"}},
}


@pytest.mark.parametrize("why", REFUSED)
async def test_an_answer_that_is_no_key_set_is_as_none(
    keys: JWKS, published: Published, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    """Nor is a redirect followed: where keys come from is not the answer's word."""
    for name, value in REFUSED[why].items():
        setattr(published, name, value)
    with pytest.raises(AuthUnavailable):
        await keys.find("key-0", "ES256")
    assert published.asked == 1
    assert why in caplog.text


async def test_a_set_without_a_usable_key_is_the_truth_and_says_what_is_wrong(
    keys: JWKS, published: Published, clock: SecondsClock, caplog: pytest.LogCaptureFixture
) -> None:
    await keys.find("key-0", "ES256")
    published.publish(jwk(0, use="enc"), jwk(1, d="AQAB"), {"kty": "oct", "k": "c2VjcmV0"})
    clock.advance(HOUR)
    for _ in range(2):
        with pytest.raises(InvalidToken, match="kid"):
            await keys.find("key-0", "ES256")
    clock.advance(HOUR)
    with pytest.raises(InvalidToken, match="kid"):
        await keys.find("key-0", "ES256")
    assert caplog.text.count("kid 'key-1': its private part is published") == 1
    assert "AQAB" not in caplog.text


async def test_a_token_without_a_key_id_is_good_if_it_can_mean_one_key(
    keys: JWKS, published: Published
) -> None:
    published.publish(jwk(0), jwk(0, "RS256"), jwk(1, "RS256"))
    assert (await keys.find(None, "ES256")).key_id == "key-0"
    with pytest.raises(InvalidToken, match="kid must say"):
        await keys.find(None, "RS256")
    with pytest.raises(InvalidToken, match="alg is not"):
        await keys.find(None, "EdDSA")


async def test_one_id_may_be_of_keys_of_two_kinds_and_each_keeps_its_algorithm(
    keys: JWKS, published: Published
) -> None:
    """RFC 7517 section 4.5."""
    published.publish(jwk(0), jwk(0, "RS256"))
    for algorithm in ("ES256", "RS256"):
        assert (await keys.find("key-0", algorithm)).algorithm == algorithm
    for algorithm in ("HS256", "none", "RS512", "EdDSA"):
        with pytest.raises(InvalidToken, match="alg is not"):
            await keys.find("key-0", algorithm)


async def test_once_closed_it_fetches_no_more(keys: JWKS, published: Published) -> None:
    published.may_answer.clear()
    finding = asyncio.create_task(keys.find("key-0", "ES256"))
    await published.was_asked(1)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await finding


async def test_a_fetch_that_fails_in_an_unheard_of_way_is_not_repeated_at_once(
    published: Published, clock: SecondsClock
) -> None:
    begun = []

    def broken() -> NoReturn:
        begun.append(1)
        raise ZeroDivisionError

    keys = JWKS(URL, client=broken, clock=clock)
    with pytest.raises(ZeroDivisionError):
        await keys.find("key-0", "ES256")
    for _ in range(3):
        with pytest.raises(AuthUnavailable):
            await keys.find("key-0", "ES256")
    assert len(begun) == 1
