"""Whether a token is for this server and for now."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.access.validity import MAX_LIFE, Validity
from streamer.errors import InvalidToken, TokenExpired

NOW = 1_790_000_000.0
OURS = Validity("https://issuer.example", ("streamer", "live"), leeway=10.0)


def claims(**changed: object) -> dict[str, Any]:
    """Claims that `OURS` takes, but for what is `changed`; None is left out."""
    good = {"iss": "https://issuer.example", "aud": "streamer", "exp": NOW + 60, **changed}
    return {name: value for name, value in good.items() if value is not None}


@pytest.mark.parametrize(
    "good",
    [
        claims(),
        claims(aud=["other", "live"]),
        claims(exp=NOW - 9.9),
        claims(exp=NOW + MAX_LIFE),
        claims(nbf=NOW + 9.9, iat=NOW + 9.9),
        claims(nbf=0, iat=NOW - MAX_LIFE + 60),
        claims(nbf=0),
    ],
)
def test_what_is_for_us_and_for_now_is_good_and_clocks_may_differ(good: dict[str, Any]) -> None:
    OURS.check(good, NOW)


@pytest.mark.parametrize("exp", [0, 1, NOW - 10, NOW - 3600])
def test_a_token_whose_time_is_over_is_called_expired(exp: float) -> None:
    with pytest.raises(TokenExpired, match="exp"):
        OURS.check(claims(exp=exp), NOW)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (claims(exp=None), "exp is missing"),
        (claims(exp=NOW + MAX_LIFE + 11), "exp is more than 400 days"),
        (claims(exp="tomorrow"), "exp must be a number"),
        (claims(iat=NOW - MAX_LIFE + 49), "exp is more than 400 days after iat"),
        (claims(nbf=NOW + 10.1), r"not begun \(nbf\)"),
        (claims(nbf="0"), "nbf must be a number"),
        (claims(iat=NOW + 10.1), r"in the future \(iat\)"),
        (claims(iat=[]), "iat must be a number"),
        (claims(iss=None), "another issuer"),
        (claims(iss="https://issuer.example/"), "another issuer"),
        (claims(iss="HTTPS://ISSUER.EXAMPLE"), "another issuer"),
        (claims(iss=["https://issuer.example"]), "iss must be a string"),
        (claims(aud=None), r"somebody else \(aud\)"),
        (claims(aud=[]), r"somebody else \(aud\)"),
        (claims(aud="Streamer"), r"somebody else \(aud\)"),
        (claims(aud="stream"), r"somebody else \(aud\)"),
        (claims(aud=["other"]), r"somebody else \(aud\)"),
        (claims(aud={"streamer": 1}), "aud must be"),
        (claims(aud=["streamer", 7]), "aud must be"),
    ],
)
def test_what_is_not_is_refused_by_the_claim_that_says_so(bad: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidToken, match=named):
        OURS.check(bad, NOW)


def test_a_token_for_somebody_is_not_taken_by_who_has_no_name() -> None:
    """RFC 7519 section 4.1.3; else a token for any application of the issuer was good here."""
    nameless = Validity()
    nameless.check({"exp": NOW + 60, "iss": "anybody"}, NOW)
    with pytest.raises(InvalidToken, match="no audience is set here"):
        nameless.check({"exp": NOW + 60, "aud": "another-application"}, NOW)
