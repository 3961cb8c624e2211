"""Claims become grants, strictly; what is wrong is named, and never quoted."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.access.claims import grants_of
from streamer.access.grants import Grants
from streamer.access.patterns import MAX_PATTERNS, Patterns
from streamer.errors import InvalidToken


def test_all_that_is_read_is_there() -> None:
    grants = grants_of(
        {
            "sub": "7",
            "name": "Ada",
            "is_admin": True,
            "streamer": {"subscribe": ["projects/p1", "chats/**"], "publish": ["chats/*"]},
            "exp": 1_790_000_000,
            "iat": 1_789_996_400.5,
            "jti": "5f0c",
            "scope": "read:projects write:projects",
            "client_id": "s6BhdRkqt3",
            "email": "seven@example.com",
        }
    )
    assert grants == Grants(
        "7",
        is_admin=True,
        subscribe=Patterns(["projects/p1", "chats/**"]),
        publish=Patterns(["chats/*"]),
        expires=1_790_000_000.0,
        issued=1_789_996_400.5,
        token_id="5f0c",
        name="Ada",
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada\u202e, admin\n", "Ada, admin"),
        ("  Ada ", "Ada"),
        ("👩‍🚀", "👩‍🚀"),
        ("x" * 300, "x" * 64),
        ("\u200b\0", ""),
    ],
)
def test_a_name_is_what_can_be_shown_of_it(name: str, shown: str) -> None:
    """Whoever has a long one, or an emoji in it, is let in like everybody."""
    assert grants_of({"sub": "7", "name": name}).name == shown


def test_who_is_only_named_may_read_what_is_their_own_and_nothing_else() -> None:
    grants = grants_of({"sub": "7"})
    assert grants == Grants("7")
    assert grants.may_read("users/7")
    assert not grants.may_read("users/8")
    assert not grants.may_publish("users/7")


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({}, "sub is missing"),
        ({"sub": ""}, "sub is missing"),
        ({"sub": 7}, "sub must be a string"),
        ({"sub": "7", "name": 7}, "name must be a string"),
        ({"sub": None}, "sub must be a string"),
        ({"sub": ["7"]}, "sub must be a string"),
        ({"sub": "7\n8"}, "sub must be at most"),
        ({"sub": "7\0"}, "sub must be at most"),
        ({"sub": "\ud800"}, "sub must be at most"),
        ({"sub": "s" * 256}, "sub must be at most"),
        ({"sub": "7", "is_admin": 1}, "is_admin must be true or false"),
        ({"sub": "7", "is_admin": "true"}, "is_admin must be true or false"),
        ({"sub": "7", "is_admin": None}, "is_admin must be true or false"),
        ({"sub": "7", "is_admin": []}, "is_admin must be true or false"),
        ({"sub": "7", "client_id": 1}, "client_id must be a string"),
        ({"sub": "7", "jti": 1}, "jti must be a string"),
        ({"sub": "7", "jti": "j" * 256}, "jti must be at most"),
        ({"sub": "7", "streamer": []}, "streamer must be an object"),
        ({"sub": "7", "streamer": None}, "streamer must be an object"),
        ({"sub": "7", "streamer": "projects/p1"}, "streamer must be an object"),
        ({"sub": "7", "streamer": {"subscribe": "projects/p1"}}, "streamer.subscribe must be"),
        ({"sub": "7", "streamer": {"subscribe": {"a": 1}}}, "streamer.subscribe must be"),
        ({"sub": "7", "streamer": {"publish": None}}, "streamer.publish must be"),
        ({"sub": "7", "streamer": {"publish": [7]}}, "streamer.publish: a pattern"),
        ({"sub": "7", "streamer": {"publish": ["users/7*"]}}, "streamer.publish: 'users/7*'"),
        ({"sub": "7", "streamer": {"subscribe": ["a/../b", "a//b"]}}, "streamer.subscribe: "),
        (
            {"sub": "7", "streamer": {"subscribe": [f"a/{n}" for n in range(MAX_PATTERNS + 1)]}},
            "streamer.subscribe: ",
        ),
    ],
)
def test_a_claim_of_the_wrong_type_is_refused_by_its_name(
    claims: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidToken) as caught:
        grants_of(claims)
    assert caught.value.detail.startswith(named)


@pytest.mark.parametrize("name", ["exp", "iat"])
@pytest.mark.parametrize(
    "value",
    [
        *("1790000000", None, True, [], {}, b"1", 1j),
        *(math.nan, math.inf, -math.inf, -1, -0.5, 10**400, 2**63, 253_402_300_800, 1e308),
    ],
    ids=repr,
)
def test_a_time_is_a_number_of_a_year_that_can_be_written(name: str, value: object) -> None:
    with pytest.raises(InvalidToken, match=rf"\A{name} must be a number of seconds"):
        grants_of({"sub": "7", name: value})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["subscribe", "publish", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that has more to do
@given(
    st.dictionaries(
        st.sampled_from(["sub", "is_admin", "streamer", "exp", "iat", "jti", "client_id"]), _JSON
    )
)
def test_whatever_the_claims_they_are_grants_or_an_invalid_token(
    claims: dict[str, object],
) -> None:
    """Nothing else is raised, and only true is an admin."""
    try:
        grants = grants_of(claims)
    except InvalidToken:
        return
    assert grants.subject == claims["sub"]
    assert grants.is_admin is (claims.get("is_admin", False) is True)
    assert grants.subject.encode()
