"""Tokens that are made with the secret are those that the server takes."""

from __future__ import annotations

from typing import Final

import jwt
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.keys import OneKey, secret_key
from streamer.access.patterns import Patterns
from streamer.access.tokens import Tokens
from streamer.access.validity import MAX_LIFE, Validity
from streamer.errors import TokenExpired
from support.seconds_clock import SecondsClock

SECRET: Final = "a secret of thirty-two bytes, hunter2"


async def test_a_token_allows_what_it_was_asked_for_and_ends() -> None:
    clock = SecondsClock()
    validity = Validity("https://app.example", ("streamer", "other"), 0)
    tokens = Tokens(OneKey(secret_key(SECRET)), validity=validity, clock=clock)
    issuer = Issuer(SECRET, issuer="https://app.example", audience=("streamer",), clock=clock)
    asked = Grants("7", True, Patterns(["projects/**"]), Patterns(["projects/p1"]))
    token = issuer.issue(asked, 60)
    grants = await tokens.verify(token)
    assert (grants.subject, grants.is_admin) == ("7", True)
    assert (grants.subscribe, grants.publish) == (asked.subscribe, asked.publish)
    assert (grants.expires, grants.issued) == (clock() + 60, clock())
    assert len(grants.token_id) >= 16
    assert (await tokens.verify(issuer.issue(asked, 60))).token_id != grants.token_id
    clock.advance(60)
    with pytest.raises(TokenExpired):
        await tokens.verify(token)


async def test_an_id_that_is_given_is_kept_and_what_is_not_asked_for_is_not_there() -> None:
    token = Issuer(SECRET).issue(Grants("7", token_id="mine"), MAX_LIFE)
    claims = jwt.decode(token, SECRET, ["HS256"])
    assert claims["jti"] == "mine"
    assert claims["streamer"] == {"subscribe": [], "publish": []}
    assert set(claims) == {"sub", "iat", "exp", "jti", "streamer"}
    assert (await Tokens(OneKey(secret_key(SECRET))).verify(token)).token_id == "mine"


@pytest.mark.parametrize("ttl", [0, -1, 0.5, MAX_LIFE + 1, float("nan"), float("inf")])
def test_a_life_that_the_server_would_not_take_is_refused(ttl: float) -> None:
    with pytest.raises(ValueError, match="from 1 second to 400 days"):
        Issuer(SECRET).issue(Grants("7"), ttl)


def test_a_token_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="a subject"):
        Issuer(SECRET).issue(Grants(""), 60)
