"""A real issuer's keys: trusted over HTTPS, rotated, taken away; and those of this machine."""

from __future__ import annotations

import asyncio
import json

import pytest

from streamer.access.jwks import JWKS
from streamer.access.tokens import Tokens
from streamer.errors import AuthUnavailable, InvalidToken
from support.issuer import TokenIssuer
from support.seconds_clock import SecondsClock
from support.signing import private_key, public_jwk

DAY = 86400.0


async def test_tokens_of_an_issuer_are_good_through_rotation_and_outage(
    issuer: TokenIssuer,
) -> None:
    clock = SecondsClock()
    tokens = Tokens(JWKS(issuer.url, client=issuer.client, clock=clock), clock=clock)
    first = issuer.token(sub="7", exp=clock() + 3 * DAY)
    assert (await tokens.verify(first)).subject == "7"
    # The new key is found by its name; the old one is still published.
    issuer.rotate(keep_old=True)
    second = issuer.token(sub="7", exp=clock() + 3 * DAY)
    assert (await tokens.verify(second)).subject == "7"
    assert tokens.known(first) is not None
    # The old ones are gone.
    issuer.rotate()
    clock.advance(3600)
    for old in (first, second):
        with pytest.raises(InvalidToken, match="kid"):
            await tokens.verify(old)
    third = issuer.token(sub="7", exp=clock() + 2 * DAY)
    assert (await tokens.verify(third)).subject == "7"
    # Nobody is there.
    issuer.stop()
    clock.advance(3600)
    assert (await tokens.verify(third)).subject == "7"
    assert (await tokens.verify(issuer.token(sub="8", exp=clock() + 60))).subject == "8"
    clock.advance(DAY)
    with pytest.raises(AuthUnavailable):
        await tokens.verify(third)
    issuer.start()
    clock.advance(10)
    assert (await tokens.verify(third)).subject == "7"
    await tokens.close()


async def test_an_issuer_that_proves_nothing_has_no_keys(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its certificate is of an authority that nobody here trusts."""
    tokens = Tokens(JWKS(issuer.url))
    with pytest.raises(AuthUnavailable):
        await tokens.verify(issuer.token(sub="7", exp=SecondsClock().now))
    assert issuer.asked == []
    assert "SSLCertVerificationError" in caplog.text
    await tokens.close()


async def test_further_authorities_are_named_by_a_variable(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(issuer.ca_file))
    keys = JWKS(issuer.url)
    assert (await keys.find(issuer.kid, "RS256")).key_id == issuer.kid
    await keys.close()


async def test_keys_of_this_machine_are_given_by_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP is trusted for nobody is on the way; HTTP_PROXY would be."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"keys": [public_jwk("ES256", private_key("ES256"), kid="k")]}).encode()
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        keys = JWKS(f"http://127.0.0.1:{port}/jwks.json")
        assert (await keys.find("k", "ES256")).key_id == "k"
        await keys.close()
