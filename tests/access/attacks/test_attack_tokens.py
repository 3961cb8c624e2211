"""No token that the issuer did not make for this server and for now is good for anything."""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import jwt
import msgspec
import pytest

from streamer.access.configured import tokens_of
from streamer.access.exchange import AUDIENCE, ISSUER, KEY_ID, Exchange
from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.config.settings import Settings
from streamer.errors import Forbidden
from streamer.events.cursor import ORIGIN
from support.asking import status_of
from support.signing import private_key, public_jwk, public_pem, sign
from support.stage import HANDSHAKE, Peer, Stage

SECRET: Final = "a secret of sixty-four bytes, so that any hash would do: hunter2 and more"
OTHERS_SECRET: Final = "a secret of somebody else's, 32 bytes"
US: Final = "https://live.example"
SIGNER: Final = private_key("RS256")
PEM: Final = public_pem(SIGNER)

PROJECT: Final = "/api/v1/projects/p1"
#: Ways to use a token: a target and a method.
WAYS: Final = {
    "sse": (f"{PROJECT}/stream", "GET"),
    "websocket": (f"{PROJECT}/stream", "WEBSOCKET"),
    "older websocket": ("/api/v1/ws/projects/p1/stream", "WEBSOCKET"),
    "poll": (f"{PROJECT}/events", "GET"),
    "publish": (f"{PROJECT}/events", "POST"),
}


class Server(Stage):
    """One that is asked with real tokens."""

    def ask(self, way: str, token: str, *, place: str = "header") -> str:
        target, method = WAYS[way]
        headers = dict(HANDSHAKE) if method == "WEBSOCKET" else {}
        if place == "query":
            target += f"?token={token}"
        elif place == "cookie":
            headers["Cookie"] = f"__Host-streamer={token}"
        elif place == "subprotocol":
            headers["Sec-WebSocket-Protocol"] = f"bearer, {token}"
        else:
            headers["Authorization"] = f"Bearer {token}"
        body = b'{"type":"note"}' if method == "POST" else b""
        headers["Content-Length"] = str(len(body))
        if method == "WEBSOCKET":
            del headers["Content-Length"]
            method = "GET"
        peer = Peer(self, target, headers, method=method, body=body)
        for _ in range(3):
            self.settle()
        return peer.take().decode("latin-1")


def is_let_in(answer: str) -> bool:
    return answer.startswith(("HTTP/1.1 200 ", "HTTP/1.1 201 ")) or '"type":"connected"' in answer


@pytest.fixture
def by_secret() -> Iterator[Server]:
    with opened(Settings(auth_secret=SECRET, auth_audience=(US,), auth_issuer="app")) as server:
        yield server


@pytest.fixture
def by_key() -> Iterator[Server]:
    with opened(Settings(auth_public_key=PEM, auth_audience=(US,), auth_issuer="app")) as server:
        yield server


@contextmanager
def opened(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    Peer(server, "/healthz")  # it begins with its first request
    server.settle()
    yield server
    assert server.loop.faults == []
    server.end()


def claims(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any claim
    """What the issuer would say; None leaves one out."""
    now = int(time.time())
    both = {
        "iss": "app",
        "aud": US,
        "sub": "7",
        "iat": now - 60,
        "exp": now + 600,
        "streamer": {"subscribe": ["projects/p1"], "publish": ["projects/p1"]},
        **changed,
    }
    return {name: value for name, value in both.items() if value is not None}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(header: dict[str, object], signature: str = "") -> str:
    return f"{part(header)}.{part(claims())}.{signature}"


def by_hmac(key: bytes, algorithm: str = "HS256") -> str:
    """Signed with bytes that no library would take for a secret."""
    head = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}"
    return f"{head}.{part(hmac.digest(key, head.encode(), 'sha256'))}"


def altered() -> str:
    """A good one whose claims were changed afterwards."""
    header, _, signature = sign(claims(), SECRET, "HS256").split(".")
    return f"{header}.{part(claims(sub='8', is_admin=True))}.{signature}"


NOW: Final = int(time.time())
#: For a server with a secret.
FORGED: Final = {
    "of another secret": sign(claims(), OTHERS_SECRET, "HS256"),
    "of an empty secret": by_hmac(b""),
    "altered": altered(),
    "without a signature": sign(claims(), SECRET, "HS256").rpartition(".")[0] + ".",
    "cut": sign(claims(), SECRET, "HS256")[:-4],
    "alg none": unsigned({"alg": "none"}),
    "alg none with a signature": unsigned({"alg": "none"}, part(b"x" * 32)),
    "alg None": unsigned({"alg": "None", "typ": "JWT"}),
    "alg nOnE": unsigned({"alg": "nOnE"}),
    "alg empty": unsigned({"alg": ""}, part(b"x" * 32)),
    "alg missing": unsigned({"typ": "JWT"}, part(b"x" * 32)),
    "alg of a list": unsigned({"alg": ["HS256", "none"]}, part(b"x" * 32)),
    "another hash": sign(claims(), SECRET, "HS512"),
    "expired": sign(claims(exp=NOW - 3600), SECRET, "HS256"),
    "without an end": sign(claims(exp=None), SECRET, "HS256"),
    "of endless life": sign(claims(exp=NOW + 500 * 86400), SECRET, "HS256"),
    "of text for an end": sign(claims(exp="9999999999"), SECRET, "HS256"),
    "of tomorrow": sign(claims(nbf=NOW + 86400), SECRET, "HS256"),
    "issued tomorrow": sign(claims(iat=NOW + 86400), SECRET, "HS256"),
    "for another audience": sign(claims(aud="https://bank.example"), SECRET, "HS256"),
    "for a part of the audience": sign(claims(aud=US[:-1]), SECRET, "HS256"),
    "for an audience of objects": sign(claims(aud=[{"x": US}]), SECRET, "HS256"),
    "for nobody": sign(claims(aud=None), SECRET, "HS256"),
    "of another issuer": sign(claims(iss="other"), SECRET, "HS256"),
    "of no issuer": sign(claims(iss=None), SECRET, "HS256"),
    "of no subject": sign(claims(sub=None), SECRET, "HS256"),
    "of a subject with a line": sign(claims(sub="7\r\nX-Admin: 1"), SECRET, "HS256"),
    "of a subject with a nul": sign(claims(sub="7\x00"), SECRET, "HS256"),
    "of an id with a line": sign(claims(jti="a\nb"), SECRET, "HS256"),
    "of a number for an admin": sign(claims(is_admin=1), SECRET, "HS256"),
    "of a pattern with a line": sign(
        claims(streamer={"subscribe": ["projects/p1\n"]}), SECRET, "HS256"
    ),
    "that calls something critical": sign(claims(), SECRET, "HS256", {"crit": ["exp"]}),
    "of a logout": sign(claims(), SECRET, "HS256", {"typ": "logout+jwt"}),
    "in five parts": "a.b.c.d.e",
    "that says it was made here": sign(claims(), SECRET, "HS256", {"kid": KEY_ID}),
    "that looks as if it was made here": sign(
        claims(iss=ISSUER, aud=AUDIENCE), SECRET, "HS256", {"kid": KEY_ID}
    ),
    "that is made here for all but the key": sign(
        claims(iss=ISSUER, aud=AUDIENCE), SECRET, "HS256"
    ),
}


JWK: Final = public_jwk("RS256", SIGNER)
THIEF: Final = private_key("RS256", 1)
#: For a server with a public key, which everybody knows.
CONFUSED: Final = {
    "the key as a secret": by_hmac(PEM.encode()),
    "the key as a secret without its last line end": by_hmac(PEM.strip().encode()),
    "the key as a secret with other line ends": by_hmac(PEM.replace("\n", "\r\n").encode()),
    "the key set as a secret": by_hmac(json.dumps(JWK).encode()),
    "the key as a secret, said to be RS256": by_hmac(PEM.encode(), "RS256"),
    "no signature": unsigned({"alg": "none"}),
    "a key that it brings": sign(
        claims(), THIEF, "RS256", {"jwk": public_jwk("RS256", THIEF), "kid": "1"}
    ),
    "a key that it says where to find": sign(
        claims(), THIEF, "RS256", {"jku": "https://evil.example/jwks", "kid": "1"}
    ),
    "a file for a key": sign(claims(), THIEF, "RS256", {"kid": "../../../../dev/null"}),
    "another key": sign(claims(), THIEF, "RS256"),
    "another algorithm of the key": sign(claims(), SIGNER, "PS256"),
    "another hash": sign(claims(), SIGNER, "RS512"),
    "expired": sign(claims(exp=NOW - 3600), SIGNER, "RS256"),
    "for another audience": sign(claims(aud="https://bank.example"), SIGNER, "RS256"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forged", FORGED)
def test_a_token_that_is_not_the_issuers_is_good_for_nothing(
    by_secret: Server, forged: str, way: str
) -> None:
    is_refused(by_secret, way, FORGED[forged])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("confused", CONFUSED)
def test_a_key_that_everybody_knows_signs_nothing(by_key: Server, confused: str, way: str) -> None:
    is_refused(by_key, way, CONFUSED[confused])


def is_refused(server: Server, way: str, token: str) -> None:
    """Wherever it is presented; and nothing of it is repeated."""
    for place in ("header", "query", "cookie", "subprotocol"):
        if place != "subprotocol" or WAYS[way][1] == "WEBSOCKET":
            answer = server.ask(way, token, place=place)
            assert not is_let_in(answer), place
            assert re.search('"code":"(unauthorized|invalid_token|token_expired)"', answer), answer
            if WAYS[way][1] != "WEBSOCKET":
                assert status_of(answer) == 401
            body = answer.partition("\r\n\r\n")[2]
            assert not [piece for piece in token.split(".") if len(piece) > 8 and piece in body]
    assert server.loop.run(server.log._log.read(["projects/p1"], ORIGIN, 10)).events == ()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["header", "query", "cookie", "subprotocol"])
def test_the_issuers_own_token_is_good(
    by_secret: Server, by_key: Server, way: str, place: str
) -> None:
    """Else the tests above would show nothing."""
    if place == "subprotocol" and WAYS[way][1] != "WEBSOCKET":
        return
    assert is_let_in(by_secret.ask(way, sign(claims(), SECRET, "HS256"), place=place))
    assert is_let_in(by_key.ask(way, sign(claims(), SIGNER, "RS256"), place=place))


# Tokens that are made here, and tokens of the application


def made_by(server: Server, **changed: Any) -> str:  # noqa: ANN401 - any grant
    """What the server makes of somebody's grants."""
    who = Grants("7", subscribe=Patterns(["projects/*"]), publish=Patterns(["projects/*"]))
    who = msgspec.structs.replace(who, **changed)
    exchange: Exchange = server.app.state.exchange
    token, _ = server.loop.run(exchange.exchange(who, ["projects/p1"], [], 60))
    return token


def test_a_token_that_was_made_here_is_good_here_for_what_it_names(by_secret: Server) -> None:
    token = made_by(by_secret)
    for way in ("sse", "websocket", "older websocket", "poll"):
        assert is_let_in(by_secret.ask(way, token)), way
    assert status_of(by_secret.ask("publish", token)) == 403


def test_a_token_that_was_made_here_is_not_the_applications(by_secret: Server) -> None:
    """Its claims say so, and its key is another: whoever has the secret's tokens verifies none."""
    token = made_by(by_secret)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET, ["HS256"], options={"verify_aud": False})
    header, payload, signature = token.split(".")
    stripped = part({"alg": "HS256", "typ": "JWT"})
    assert not is_let_in(by_secret.ask("poll", f"{stripped}.{payload}.{signature}"))
    assert jwt.get_unverified_header(token)["kid"] == KEY_ID
    assert header != stripped


def test_a_token_of_another_server_is_none_of_ours(by_secret: Server, by_key: Server) -> None:
    """Of another secret, and of one whose key is in its log."""
    with opened(Settings(auth_secret=OTHERS_SECRET)) as other:
        for maker, taker in (
            (other, by_secret),
            (by_key, by_secret),
            (by_secret, by_key),
            (other, by_key),
        ):
            assert not is_let_in(taker.ask("poll", made_by(maker)))


def test_no_chain_of_exchanges_makes_more_or_longer_of_a_token(by_secret: Server) -> None:
    exchange: Exchange = by_secret.app.state.exchange
    made = made_by(by_secret, expires=time.time() + 30, token_id="parent")
    tokens = tokens_of(by_secret.settings, exchange)
    grants = by_secret.loop.run(tokens.verify(made))
    assert grants.expires is not None
    assert grants.expires <= time.time() + 30
    assert (grants.parent_id, grants.is_admin) == ("parent", False)
    assert grants.subscribe == Patterns(["projects/p1"])
    assert grants.publish == Patterns([])
    assert not grants.may_read("users/7")
    for asked in (["projects/p1"], ["projects/*"], []):
        with pytest.raises(Forbidden):
            by_secret.loop.run(exchange.exchange(grants, asked, [], 3600))


@pytest.mark.parametrize(
    "asked", ["**", "*", "projects/**", "users/*", "users/8", "projects/*/x", "projects", "*/p1"]
)
def test_no_pattern_that_is_wider_than_the_grants_is_exchanged(
    by_secret: Server, asked: str
) -> None:
    who = Grants("7", subscribe=Patterns(["projects/*"]), publish=Patterns(["projects/*"]))
    exchange: Exchange = by_secret.app.state.exchange
    for reads, writes in (([asked], []), ([], [asked]), (["projects/p1", asked], [])):
        with pytest.raises(Forbidden):
            by_secret.loop.run(exchange.exchange(who, reads, writes, 60))


# One connection, several requests


def test_a_connection_remembers_nobody(by_secret: Server) -> None:
    """Behind a proxy the next request on it is somebody else's."""
    token = sign(claims(), SECRET, "HS256")
    anonymous = b"GET /api/v1/projects/p1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for place in ("header", "query", "cookie"):
        headers = {
            "header": {"Authorization": f"Bearer {token}"},
            "cookie": {"Cookie": f"__Host-streamer={token}"},
        }.get(place, {})
        target = f"{PROJECT}/status" + (f"?token={token}" if place == "query" else "")
        # In one write: as the answer to the first is made, the second is there already.
        peer = Peer(by_secret, target, headers, body=anonymous)
        for _ in range(3):
            by_secret.settle()
        first, second = re.findall(rb"HTTP/1\.1 (\d+) ", peer.take())
        assert (first, second) == (b"200", b"401"), place
