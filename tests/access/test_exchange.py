"""A token by exchange: less than what it was made from, and taken for nothing else."""

from __future__ import annotations

from typing import Final

import jwt
import msgspec
import pytest

from streamer.access.exchange import (
    AUDIENCE,
    ISSUER,
    KEY_ID,
    Exchange,
    from_secret,
    is_made_here,
)
from streamer.access.grants import Grants
from streamer.access.jwks import JWKS
from streamer.access.keys import OneKey, secret_key
from streamer.access.patterns import Patterns
from streamer.access.tokens import Tokens
from streamer.access.validity import Validity
from streamer.errors import Forbidden, InvalidToken, InvalidTopic, LogUnavailable, TokenExpired
from support.seconds_clock import SecondsClock
from support.signing import ALGORITHMS, private_key, sign

SECRET: Final = "a secret of thirty-two bytes, hunter2"
NOW: Final = SecondsClock().now
GRANTS: Final = Grants(
    "7",
    subscribe=Patterns(["projects/p1", "chats/**"]),
    publish=Patterns(["chats/42"]),
    expires=NOW + 3600,
    issued=NOW - 60,
    token_id="parent-jti",
)


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
def exchange(clock: SecondsClock) -> Exchange:
    return Exchange(from_secret(SECRET), clock=clock)


@pytest.fixture
def tokens(exchange: Exchange, clock: SecondsClock) -> Tokens:
    return Tokens(OneKey(secret_key(SECRET)), exchange, clock=clock)


async def test_it_allows_what_it_names_for_whom_it_was_made_and_no_more(
    exchange: Exchange, tokens: Tokens
) -> None:
    token, expires = await exchange.exchange(GRANTS, ["chats/42", "projects/p1"], [], 300)
    assert expires == NOW + 300
    grants = await tokens.verify(token)
    assert tokens.known(token) is grants
    assert grants.subject == "7"
    assert grants.subscribe == Patterns(["chats/42", "projects/p1"])
    assert grants.publish == Patterns([])
    assert not grants.is_admin
    assert grants.expires == NOW + 300
    assert not grants.may_read("chats/43")
    # Whoever finds it in a log has what it names, and not all of the user's own.
    assert GRANTS.may_read("users/7")
    assert not grants.may_read("users/7")
    own, _ = await exchange.exchange(GRANTS, ["users/7"], ["chats/42"], 300)
    grants = await tokens.verify(own)
    assert grants.may_read("users/7")
    assert grants.may_publish("chats/42")


async def test_it_has_an_id_of_its_own_and_is_revoked_with_what_it_was_made_from(
    exchange: Exchange, tokens: Tokens
) -> None:
    made = [(await exchange.exchange(GRANTS, ["chats/42"], [], 300))[0] for _ in range(2)]
    first, second = [await tokens.verify(token) for token in made]
    assert len({first.token_id, second.token_id, "parent-jti", ""}) == 4
    assert first.parent_id == second.parent_id == "parent-jti"
    # All that the subject had until then is revoked by when the parent was issued.
    assert first.issued == NOW - 60
    nameless = msgspec.structs.replace(GRANTS, token_id="", issued=None)
    token, _ = await exchange.exchange(nameless, ["chats/42"], [], 300)
    grants = await tokens.verify(token)
    assert grants.parent_id == ""
    assert grants.issued == NOW


async def test_it_ends_no_later_than_what_it_was_made_from(
    exchange: Exchange, tokens: Tokens, clock: SecondsClock
) -> None:
    clock.advance(3500.5)
    token, expires = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    assert expires == NOW + 3600
    assert (await tokens.verify(token)).expires == NOW + 3600
    clock.advance(99.5)
    with pytest.raises(TokenExpired):
        await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    endless = msgspec.structs.replace(GRANTS, expires=None)
    assert (await exchange.exchange(endless, [], [], 60))[1] == NOW + 3660
    clock.advance(10)
    with pytest.raises(TokenExpired):
        await tokens.verify(token)


@pytest.mark.parametrize(
    ("subscribe", "publish", "named"),
    [
        (["chats/42", "projects/p2"], [], "projects/p2 may not be read"),
        (["projects/*"], [], r"projects/\* may not be read"),
        (["**"], [], r"\*\* may not be read"),
        (["chats"], [], "chats may not be read"),
        (["users/8"], [], "users/8 may not be read"),
        ([], ["chats/43"], "chats/43 may not be published to"),
        ([], ["chats/*"], r"chats/\* may not be published to"),
        ([], ["projects/p1"], "projects/p1 may not be published to"),
    ],
)
async def test_what_the_grants_do_not_cover_is_refused_by_name(
    exchange: Exchange, subscribe: list[str], publish: list[str], named: str
) -> None:
    with pytest.raises(Forbidden, match=named):
        await exchange.exchange(GRANTS, subscribe, publish, 300)


async def test_a_pattern_that_is_none_is_refused(exchange: Exchange) -> None:
    for subscribe in (["chats/4*"], ["chats//42"], ["chats/**/x"], [""], [7]):
        with pytest.raises(InvalidTopic):
            await exchange.exchange(GRANTS, subscribe, [], 300)


async def test_an_admin_makes_no_admin(exchange: Exchange, tokens: Tokens) -> None:
    admin = Grants("root", is_admin=True, expires=NOW + 3600)
    token, _ = await exchange.exchange(admin, ["**"], [], 300)
    grants = await tokens.verify(token)
    assert not grants.is_admin
    assert grants.may_read("projects/any")
    with pytest.raises(Forbidden, match="published"):
        await exchange.exchange(admin, [], ["projects/any"], 300)


async def test_it_is_not_exchanged_again(exchange: Exchange, tokens: Tokens) -> None:
    """Or one that leaked would be renewed for ever, under ids that nobody revokes."""
    token, _ = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    with pytest.raises(Forbidden, match="made from another"):
        await exchange.exchange(await tokens.verify(token), ["chats/42"], [], 300)


async def test_nobody_has_no_token(exchange: Exchange) -> None:
    with pytest.raises(Forbidden, match="nobody says who they are"):
        await exchange.exchange(Grants("", is_admin=True), ["chats/42"], [], 300)


async def test_neither_kind_is_taken_for_the_other(
    exchange: Exchange, tokens: Tokens, clock: SecondsClock
) -> None:
    """By key, by name and by audience, each of which is enough."""
    token, _ = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    assert is_made_here(token)
    others = Tokens(OneKey(secret_key(SECRET)), clock=clock)
    with pytest.raises(InvalidToken, match="signature"):
        await others.verify(token)
    own = (await exchange.key()).identity
    assert own != SECRET.encode()
    claims = {
        "sub": "7",
        "exp": NOW + 60,
        "is_admin": True,
        "streamer": {"subscribe": ["**"], "parent": {"jti": ""}},
    }
    ours = {**claims, "iss": ISSUER, "aud": AUDIENCE}
    # By the application's key under our name, and by ours under the application's.
    for forged in (
        sign(ours, SECRET, "HS256", {"kid": KEY_ID}),
        sign(ours, own, "HS256"),
        sign(ours, own, "HS256", {"kid": "other"}),
    ):
        with pytest.raises(InvalidToken, match="signature"):
            await tokens.verify(forged)
    # By our key, and not as ours.
    for strange in (claims, {**claims, "iss": ISSUER}, {**claims, "aud": AUDIENCE}):
        with pytest.raises(InvalidToken, match=r"iss|aud"):
            await tokens.verify(sign(strange, own, "HS256", {"kid": KEY_ID}))
    for parent in (None, {}, {"jti": 7}, "x"):
        without = {**ours, "streamer": {"subscribe": ["**"], "parent": parent}}
        with pytest.raises(InvalidToken, match=r"streamer\.parent"):
            await tokens.verify(sign(without, own, "HS256", {"kid": KEY_ID}))
    bad = {**ours, "streamer": {"parent": {"jti": "", "iat": "x"}}}
    with pytest.raises(InvalidToken, match="iat"):
        await tokens.verify(sign(bad, own, "HS256", {"kid": KEY_ID}))


async def test_a_server_that_takes_no_other_tokens_takes_these(clock: SecondsClock) -> None:
    exchange = Exchange(from_secret(SECRET), clock=clock)
    tokens = Tokens(None, exchange, validity=Validity(None, (), 0), clock=clock)
    token, _ = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    assert (await tokens.verify(token)).subject == "7"
    assert tokens.known(token) is not None
    await tokens.close()


async def test_every_process_that_has_the_same_key_takes_them(clock: SecondsClock) -> None:
    asked = []

    async def from_the_log() -> bytes:
        asked.append(1)
        if len(asked) == 1:
            raise LogUnavailable("away")
        return b"k" * 32

    first, second = Exchange(from_the_log, clock=clock), Exchange(from_the_log, clock=clock)
    with pytest.raises(LogUnavailable):
        await first.exchange(GRANTS, ["chats/42"], [], 300)
    token, _ = await first.exchange(GRANTS, ["chats/42"], [], 300)
    assert (await Tokens(None, second, clock=clock).verify(token)).subject == "7"
    await first.key()
    assert len(asked) == 3
    other = Exchange(from_secret(SECRET), clock=clock)
    with pytest.raises(InvalidToken, match="signature"):
        await Tokens(None, other, clock=clock).verify(token)


async def test_a_key_that_can_be_guessed_signs_nothing() -> None:
    async def short() -> bytes:
        return b"k" * 31

    with pytest.raises(ValueError, match="31 bytes can be guessed"):
        await Exchange(short, clock=SecondsClock()).exchange(GRANTS, [], [], 300)


async def test_what_is_not_made_here_does_not_say_so(exchange: Exchange) -> None:
    assert not is_made_here(sign({"sub": "7"}, SECRET, "HS256", {"kid": "other"}))
    assert not is_made_here("opaque")
    assert not is_made_here("")


async def test_the_derived_key_says_nothing_of_the_secret(exchange: Exchange) -> None:
    token, _ = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": KEY_ID, "typ": "JWT"}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET, ["HS256"], audience=AUDIENCE)


async def test_whoever_signs_in_another_way_under_our_name_is_refused(tokens: Tokens) -> None:
    claims = {"sub": "7", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60}
    for algorithm in ALGORITHMS:
        forged = sign(claims, private_key(algorithm), algorithm, {"kid": KEY_ID})
        with pytest.raises(InvalidToken, match="alg is not"):
            await tokens.verify(forged)


async def test_a_token_that_was_made_here_needs_no_issuer(
    exchange: Exchange, clock: SecondsClock
) -> None:
    """Also while the one there is was never reached."""
    keys = JWKS("https://127.0.0.1:1/jwks.json", clock=clock)
    tokens = Tokens(keys, exchange, clock=clock)
    token, _ = await exchange.exchange(GRANTS, ["chats/42"], [], 300)
    for _ in range(2):
        assert (await tokens.verify(token)).subject == "7"
        assert tokens.known(token) is None
    await tokens.close()
