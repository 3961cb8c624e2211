"""What the settings ask for is what tokens are verified by."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.access.configured import application_of, keys_of, tokens_of
from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.jwks import JWKS
from streamer.config.settings import InvalidSetting, Settings
from streamer.errors import InvalidToken
from support.signing import private_key, public_pem, sign

SECRET = "a secret of thirty-two bytes, hunter2"
FAR = 4_000_000_000


async def test_by_default_there_are_no_keys_and_no_application() -> None:
    assert keys_of(Settings()) is None
    assert application_of(Settings()) is None
    with pytest.raises(InvalidToken, match="not made here"):
        await tokens_of(Settings(), None).verify(Issuer(SECRET).issue(Grants("7"), 60))


async def test_a_secret_verifies_what_is_signed_with_it_for_this_server() -> None:
    settings = Settings(auth_secret=SECRET, auth_issuer="app", auth_audience=("live",))
    tokens = tokens_of(settings, None)
    good = Issuer(SECRET, issuer="app", audience=("live",))
    assert (await tokens.verify(good.issue(Grants("7"), 60))).subject == "7"
    with pytest.raises(InvalidToken, match="iss"):
        await tokens.verify(Issuer(SECRET, audience=("live",)).issue(Grants("7"), 60))
    with pytest.raises(InvalidToken, match="aud"):
        await tokens.verify(Issuer(SECRET, issuer="app").issue(Grants("7"), 60))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_is_given_as_it_is_or_by_its_path(
    tmp_path: Path, algorithm: str
) -> None:
    pem = public_pem(private_key(algorithm))
    path = tmp_path / "issuer.pem"
    path.write_text(pem)
    for given in (pem, pem.replace("\n", "\\n"), str(path)):
        keys = keys_of(Settings.from_env({"STREAMER_AUTH_PUBLIC_KEY": given}))
        assert keys is not None
        assert (await keys.find(None, algorithm)).algorithm == algorithm


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "its file cannot be read: No such file or directory"),
        (b"hunter2", "not a public key in PEM form"),
        (b"\xff" * 64, "not a public key in PEM form"),
        (b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_file_without_such_a_key_is_an_error_of_the_setting(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "issuer.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=why) as caught:
        keys_of(Settings(auth_public_key=str(path)))
    assert str(caught.value).startswith("STREAMER_AUTH_PUBLIC_KEY cannot be used: ")
    assert "hunter2" not in str(caught.value)


async def test_a_url_is_where_keys_are_or_an_application() -> None:
    keys = keys_of(Settings(auth_jwks_url="https://issuer.example/jwks"))
    assert isinstance(keys, JWKS)
    application = application_of(Settings(auth_url="http://app:8080/", auth_url_ttl=3))
    assert application is not None
    await application.close()


async def test_a_token_of_another_key_is_not_good() -> None:
    tokens = tokens_of(Settings(auth_public_key=public_pem(private_key("ES256"))), None)
    with pytest.raises(InvalidToken, match="signature"):
        await tokens.verify(sign({"sub": "7", "exp": FAR}, private_key("ES256", 9), "ES256"))
