"""Where a credential is: every place, and nothing that is no single whole token in one."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.credentials import (
    MAX_TOKEN_BYTES,
    credential_of,
    forget,
    hide_url_tokens,
    lone_token,
    spoken,
    with_header,
)
from streamer.errors import Unauthorized

COOKIE: Final = "__Host-streamer"
#: Whatever happens, it is shown nowhere.
MARKER: Final = "eyJhbGciOiJIUzI1NiJ9.marker-7c1f.sig_9"
OTHER: Final = "eyJhbGciOiJIUzI1NiJ9.other-7c1f.sig_9"


def scope_with(
    *headers: tuple[str, str], query: str = "", subprotocols: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """A scope as `Guard` leaves it."""
    scope: dict[str, Any] = {
        "type": "http" if subprotocols is None else "websocket",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "query_string": query.encode(),
    }
    if subprotocols is not None:
        scope["subprotocols"] = list(subprotocols)
    hide_url_tokens(scope)
    return scope


def bearer(token: str = MARKER) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def cookie(token: str = MARKER) -> tuple[str, str]:
    return "cookie", f"a=b; {COOKIE}={token}; c=d"


PLACES: Final = {
    "header": scope_with(bearer()),
    "header in other letters": scope_with(("authorization", f"bEARER  {MARKER} ")),
    "subprotocol": scope_with(subprotocols=("bearer", MARKER)),
    "subprotocol beside ours": scope_with(subprotocols=("streamer", "bearer", MARKER)),
    "subprotocol, percent-encoded": scope_with(subprotocols=("bearer", MARKER.replace(".", "%2E"))),
    "query": scope_with(query=f"token={MARKER}"),
    "query among others": scope_with(query=f"from=earliest&token={MARKER}&until=end"),
    "query with a hidden name": scope_with(query=f"t%6Fken={MARKER.replace('.', '%2E')}"),
    "query of a WebSocket": scope_with(query=f"token={MARKER}", subprotocols=()),
    "cookie": scope_with(cookie()),
    "quoted cookie": scope_with(("cookie", f'{COOKIE}="{MARKER}"')),
    "cookie in the second header": scope_with(("cookie", "a=b"), cookie()),
    "the same in all": scope_with(
        bearer(), cookie(), query=f"token={MARKER}", subprotocols=("bearer", MARKER)
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_found_in_its_place(place: str) -> None:
    found = credential_of(PLACES[place], COOKIE)
    assert found is not None
    assert found.token == MARKER
    assert found.is_ambient == place.endswith(("cookie", "second header"))


@pytest.mark.parametrize(
    "scope",
    [
        scope_with(),
        scope_with(("cookie", "a=b"), query="from=earliest", subprotocols=("streamer",)),
        scope_with(("cookie", f"x{COOKIE}={MARKER}; {COOKIE.lower()}={MARKER}")),
        scope_with(("x-authorization", f"Bearer {MARKER}")),
    ],
)
def test_who_presents_nothing_has_none(scope: dict[str, Any]) -> None:
    assert credential_of(scope, COOKIE) is None


BAD: Final = {
    "another scheme": (scope_with(("authorization", "Basic YTpi")), "must be: Bearer"),
    "a bare token": (scope_with(("authorization", MARKER)), "must be: Bearer"),
    "an empty header": (scope_with(("authorization", "")), "must be: Bearer"),
    "no token": (scope_with(("authorization", "Bearer")), "empty"),
    "spaces": (scope_with(("authorization", "Bearer  ")), "empty"),
    "two words": (scope_with(bearer(f"{MARKER} x")), "holds no token"),
    "two in one": (scope_with(bearer(f"{MARKER},{OTHER}")), "holds no token"),
    "two headers": (scope_with(bearer(), bearer(OTHER)), "two credentials"),
    "the same header twice": (scope_with(bearer(), bearer()), "two credentials"),
    "no ASCII": (scope_with(bearer("é")), "holds no token"),
    "too long": (scope_with(bearer("x" * (MAX_TOKEN_BYTES + 1))), "at most 16384"),
    "an empty query": (scope_with(query="token="), "?token= holds an empty"),
    "a name alone": (scope_with(query="token"), "?token= holds an empty"),
    "a doubled query": (scope_with(query=f"token={MARKER}&token={MARKER}"), "two credentials"),
    "a line break": (scope_with(query=f"token={MARKER}%0d%0aX:%20y"), "holds no token"),
    "nothing but its end": (scope_with(bearer("==")), "holds no token"),
    "its end in the middle": (scope_with(bearer("a=b")), "holds no token"),
    "NUL": (scope_with(query=f"token={MARKER}%00"), "holds no token"),
    "bearer and nothing": (scope_with(subprotocols=("bearer",)), "empty"),
    "the token first": (scope_with(subprotocols=(MARKER, "bearer")), "empty"),
    "bearer twice": (scope_with(subprotocols=("bearer", "bearer", MARKER)), "two credentials"),
    "a subprotocol of surrogates": (scope_with(subprotocols=("bearer", "\udce9")), "no token"),
    "an empty cookie": (scope_with(("cookie", f"{COOKIE}=")), "the cookie holds an empty"),
    "a doubled cookie": (scope_with(cookie(), cookie(OTHER)), "two credentials"),
    "header and query": (scope_with(bearer(), query=f"token={OTHER}"), "different credentials"),
    "subprotocol and query": (
        scope_with(query=f"token={OTHER}", subprotocols=("bearer", MARKER)),
        "different credentials",
    ),
    "a good header and a bad query": (scope_with(bearer(), query="token="), "empty"),
    "a bad header and a good cookie": (
        scope_with(("authorization", "Bearer"), cookie()),
        "the Authorization header holds an empty",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_single_whole_token_is_refused_and_not_shown(case: str) -> None:
    scope, said = BAD[case]
    with pytest.raises(Unauthorized) as refused:
        credential_of(scope, COOKIE)
    assert said in refused.value.detail
    assert "marker" not in refused.value.detail
    assert "other" not in refused.value.detail.replace("another", "")


@pytest.mark.parametrize(
    "scope",
    [
        scope_with(bearer(), cookie(OTHER)),
        scope_with(cookie(OTHER), query=f"token={MARKER}"),
        scope_with(cookie(OTHER), subprotocols=("bearer", MARKER)),
        scope_with(bearer(), ("cookie", f"{COOKIE}=")),
    ],
)
def test_a_browser_that_adds_its_cookie_takes_nothing_from_what_its_page_presents(
    scope: dict[str, Any],
) -> None:
    """A page with a session asks for a token of one topic, and opens an EventSource by it."""
    found = credential_of(scope, COOKIE)
    assert found is not None
    assert found.token == MARKER
    assert not found.is_ambient


@pytest.mark.parametrize("place", PLACES)
def test_it_is_shown_by_nothing_and_forgotten(place: str) -> None:
    scope = {**PLACES[place], "headers": list(PLACES[place]["headers"])}
    found = credential_of(scope, COOKIE)
    assert "marker" not in repr(found)
    assert "marker" not in str(found)
    forget(scope)
    assert "marker" not in repr(scope)
    assert credential_of(scope, COOKIE) is None


def test_a_query_keeps_what_is_not_a_token_as_it_was() -> None:
    scope = scope_with(query=f"topic=a%2Fb&token={MARKER}&topic=c+d&&x")
    assert scope["query_string"] == b"topic=a%2Fb&topic=c+d&&x"
    assert "marker" not in repr(scope)


@pytest.mark.parametrize("name", ["access_token", "Token", "TOKEN", "jwt_t%6Fken", "id-token"])
def test_a_wrong_name_for_it_stays_without_its_value(name: str) -> None:
    """So that who asked is answered what it must be, and it is logged nowhere."""
    scope = scope_with(query=f"{name}={MARKER}&from=latest")
    assert scope["query_string"] == f"{name}=***&from=latest".encode()
    assert credential_of(scope, COOKIE) is None


@given(st.binary(max_size=40))
def test_whatever_a_query_is_no_token_is_left_in_it(noise: bytes) -> None:
    scope: dict[str, Any] = {"query_string": noise + b"&token=marker-7c1f&" + noise, "headers": []}
    hide_url_tokens(scope)
    assert b"marker" not in scope["query_string"]


ACCEPT: Final = ("accept", "*/*")
AS_HEADER: Final = [(b"accept", b"*/*"), (b"authorization", f"Bearer {MARKER}".encode())]


@pytest.mark.parametrize(
    "scope",
    [
        scope_with(ACCEPT, query=f"token={MARKER}"),
        scope_with(ACCEPT, subprotocols=("bearer", MARKER)),
        scope_with(ACCEPT, bearer(), query=f"token={MARKER}"),
        scope_with(ACCEPT, bearer()),
    ],
)
def test_an_application_is_given_it_as_a_header(scope: dict[str, Any]) -> None:
    assert with_header(scope) == AS_HEADER


def test_an_application_is_given_what_only_it_can_read() -> None:
    scope = scope_with(("authorization", "Basic YTpi"), ("cookie", "sid=1"))
    assert with_header(scope) == scope["headers"]


@pytest.mark.parametrize(
    "scope",
    [
        scope_with(("authorization", "Basic YTpi"), query=f"token={MARKER}"),
        scope_with(bearer(OTHER), query=f"token={MARKER}"),
        scope_with(query="token="),
        scope_with(query=f"token={OTHER}", subprotocols=("bearer", MARKER)),
    ],
)
def test_an_application_is_given_no_two_of_them(scope: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        with_header(scope)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ((), None),
        (("streamer",), "streamer"),
        (("bearer", MARKER), "bearer"),
        (("Bearer", MARKER), "Bearer"),
        (("streamer", "bearer", MARKER), "streamer"),
        (("bearer", MARKER, "streamer"), "streamer"),
        ((MARKER, "bearer"), "bearer"),
        (("graphql-ws", "bearer", MARKER), "bearer"),
        (("graphql-ws", "v10.stomp"), "graphql-ws"),
        ((MARKER, "graphql-ws"), "graphql-ws"),
        ((MARKER,), None),
    ],
)
def test_a_subprotocol_is_answered_that_was_offered_and_never_the_token(
    offered: tuple[str, ...], answered: str | None
) -> None:
    assert spoken(offered, "streamer") == answered


@pytest.mark.parametrize(
    ("headers", "more", "lone"),
    [
        ([(b"authorization", b"Bearer abc")], {}, "abc"),
        ([(b"cookie", b"c=d"), (b"authorization", b"Bearer abc")], {}, "abc"),
        ([(b"authorization", b"bearer abc")], {}, None),
        ([(b"authorization", b"Bearer abc"), (b"authorization", b"Bearer abc")], {}, None),
        ([(b"authorization", b"Bearer abc")], {"subprotocols": ["bearer", "xyz"]}, None),
        ([(b"authorization", b"Bearer abc")], {"query_string": b"token=xyz"}, None),
        ([(b"cookie", b"c=d")], {}, None),
        ([(b"cookie", b"c=d")], {"query_string": b"token=xyz"}, "xyz"),
        ([], {"query_string": b"token=xyz&token=xyz"}, None),
        ([], {"subprotocols": ["streamer", "bearer", "xyz"]}, "xyz"),
        ([], {"subprotocols": ["streamer"]}, None),
        ([], {"subprotocols": ["bearer", "xyz"], "query_string": b"token=xyz"}, None),
    ],
)
def test_a_lone_token_is_one_beside_which_nothing_else_is_presented(
    headers: list[tuple[bytes, bytes]], more: dict[str, Any], lone: str | None
) -> None:
    scope = {"headers": headers, "query_string": b"", **more}
    hide_url_tokens(scope)
    assert lone_token(scope) == lone
