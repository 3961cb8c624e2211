"""The settings of access: strict, never two ways at once, and nothing secret is shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from streamer.config.settings import SETTINGS, InvalidSetting, Settings, access_is_open

SECRET = "a secret of thirty-two bytes, hunter2"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
JWKS = "https://issuer.example/jwks"

WAYS = {
    "STREAMER_AUTH_SECRET": SECRET,
    "STREAMER_AUTH_PUBLIC_KEY": PUBLIC,
    "STREAMER_AUTH_JWKS_URL": JWKS,
    "STREAMER_AUTH_URL": "http://app:8080/streamer",
}


def test_it_is_open_until_something_says_who_is_asking() -> None:
    assert access_is_open(Settings())
    assert access_is_open(Settings.from_env({"STREAMER_AUTH": "none"}))
    for variable, value in WAYS.items():
        assert not access_is_open(Settings.from_env({variable: value}))


def test_the_defaults_are_those_that_are_documented() -> None:
    settings = Settings()
    assert (settings.auth_leeway, settings.auth_cookie) == (10.0, "__Host-streamer")
    assert (settings.auth_url_ttl, settings.auth_url_timeout) == (10.0, 5.0)
    assert settings.token_ttl == 300.0
    assert (settings.auth_audience, settings.auth_url_headers) == ((), ())
    assert settings.auth_issuer is None


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_two_ways_of_knowing_who_asks_are_refused_by_name(first: str, second: str) -> None:
    if first == second:
        return
    with pytest.raises(InvalidSetting, match="must be one of them") as caught:
        Settings.from_env({first: WAYS[first], second: WAYS[second]})
    assert first in str(caught.value)
    assert second in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "further",
    [*WAYS.items(), ("STREAMER_AUTH_ISSUER", "me"), ("STREAMER_AUTH_AUDIENCE", "streamer")],
)
def test_none_together_with_a_check_is_a_contradiction(further: tuple[str, str]) -> None:
    with pytest.raises(InvalidSetting, match="AUTH=none lets everybody in") as caught:
        Settings.from_env({"STREAMER_AUTH": "none", **dict([further])})
    assert further[0] in str(caught.value)


@pytest.mark.parametrize("way", [{}, {"STREAMER_AUTH_URL": WAYS["STREAMER_AUTH_URL"]}])
@pytest.mark.parametrize("check", ["STREAMER_AUTH_ISSUER", "STREAMER_AUTH_AUDIENCE"])
def test_a_check_of_tokens_that_nothing_verifies_is_no_check(
    way: dict[str, str], check: str
) -> None:
    with pytest.raises(InvalidSetting, match=rf"{check} would be checked .*AUTH_JWKS_URL"):
        Settings.from_env({check: "https://issuer.example", **way})


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("STREAMER_AUTH", "None", "it must be none, or not set"),
        ("STREAMER_AUTH", "off", "it must be none, or not set"),
        ("STREAMER_AUTH_SECRET", "hunter2", "32 bytes or more"),
        ("STREAMER_AUTH_SECRET", "hunter2" + "x" * 24, "can be guessed"),
        ("STREAMER_AUTH_SECRET", SECRET + "\n", "a line break"),
        ("STREAMER_AUTH_SECRET", PUBLIC + "hunter2", "STREAMER_AUTH_PUBLIC_KEY"),
        (
            "STREAMER_AUTH_PUBLIC_KEY",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
            "a private key",
        ),
        ("STREAMER_AUTH_PUBLIC_KEY", "-----BEGIN RSA PRIVATE KEY-----\nhunter2", "a private key"),
        ("STREAMER_AUTH_PUBLIC_KEY", PUBLIC + PUBLIC, "several keys"),
        ("STREAMER_AUTH_PUBLIC_KEY", "https://hunter2", "neither a PEM nor a path"),
        ("STREAMER_AUTH_JWKS_URL", "http://issuer.example/jwks?hunter2", "without TLS"),
        ("STREAMER_AUTH_JWKS_URL", "http://localhost.evil.example/jwks?hunter2", "without TLS"),
        ("STREAMER_AUTH_JWKS_URL", "http://127.0.0.1.evil.example/?hunter2", "without TLS"),
        ("STREAMER_AUTH_JWKS_URL", "https://u:hunter2@issuer.example/jwks", "an '@'"),
        ("STREAMER_AUTH_JWKS_URL", "https://issuer.example/jwks#hunter2", "a '#'"),
        ("STREAMER_AUTH_JWKS_URL", "file:///hunter2", "does not start with"),
        ("STREAMER_AUTH_JWKS_URL", "https:///hunter2", "names no host"),
        ("STREAMER_AUTH_URL", "http://u:hunter2@app/", "an '@'"),
        ("STREAMER_AUTH_URL", "app:8080/hunter2", "does not start with"),
        ("STREAMER_AUTH_URL", "http://app/ü?hunter2", "a character"),
        ("STREAMER_AUTH_ISSUER", "ftp://issuer.example/hunter2", "does not start with"),
        ("STREAMER_AUTH_ISSUER", " ", "neither a URL nor a name"),
        ("STREAMER_AUTH_LEEWAY", "121", "from 0 to 120"),
        ("STREAMER_AUTH_COOKIE", "a;b", "the name of a cookie"),
        ("STREAMER_AUTH_URL_TTL", "301", "from 0 to 300"),
        ("STREAMER_AUTH_URL_TIMEOUT", "0", "from 0.1 to 60"),
        ("STREAMER_AUTH_URL_HEADERS", "X-Key, X Y", "not the name of a header"),
        ("STREAMER_AUTH_URL_HEADERS", "X-Key, Transfer-Encoding", "of the connection itself"),
        ("STREAMER_TOKEN_TTL", "9", "from 10 to 3600"),
        ("STREAMER_TOKEN_TTL", "2h", "from 10 to 3600"),
    ],
)
def test_a_bad_value_is_refused_with_its_reason_and_never_said_back(
    variable: str, value: str, why: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({variable: value})
    assert str(caught.value).startswith(f"{variable} is ")
    assert why in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/jwks", "http://localhost/jwks", "http://[::1]:1/jwks?a=b", JWKS],
)
def test_keys_come_over_tls_or_from_this_machine(url: str) -> None:
    assert Settings.from_env({"STREAMER_AUTH_JWKS_URL": url}).auth_jwks_url == url


def test_neither_the_secret_nor_a_key_in_a_url_is_shown_anywhere() -> None:
    settings = Settings.from_env({"STREAMER_AUTH_SECRET": SECRET})
    assert "hunter2" not in repr(settings)
    assert SETTINGS["auth_secret"].shown(SECRET) == "***"
    assert SETTINGS["auth_secret"].shown("") == ""
    assert SETTINGS["auth_public_key"].shown(PUBLIC) == "***"
    assert SETTINGS["auth_public_key"].shown("keys/issuer.pem") == "keys/issuer.pem"
    assert SETTINGS["auth_public_key"].shown(SECRET) == "***"
    assert SETTINGS["auth_url"].shown("https://app/auth?key=hunter2") == "https://app/auth?***"
    assert SETTINGS["auth_jwks_url"].shown(JWKS) == JWKS
    assert SETTINGS["auth_issuer"].shown("accounts.example.com") == "accounts.example.com"


@pytest.mark.parametrize(("variable", "value"), WAYS.items())
def test_a_child_process_asks_in_the_same_way(variable: str, value: str) -> None:
    settings = Settings.from_env(
        {variable: value, "STREAMER_AUTH_URL_HEADERS": "X-Key,X-Tenant", "STREAMER_TOKEN_TTL": "1m"}
    )
    assert Settings.from_env(settings.to_env()) == settings


def test_the_path_of_a_key_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no later chdir moves it."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"STREAMER_AUTH_PUBLIC_KEY": "keys/issuer.pem"})
    assert settings.auth_public_key == str(tmp_path / "keys" / "issuer.pem")


def test_of_a_url_that_cannot_be_read_nothing_is_shown() -> None:
    for name in ("auth_url", "auth_jwks_url"):
        assert SETTINGS[name].shown("app:8080/hunter2") == "***"
        assert SETTINGS[name].shown("") == ""
    assert SETTINGS["auth_issuer"].shown("https://u:hunter2@issuer.example") == "***"
