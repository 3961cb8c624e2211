"""The settings of Web Push: what they may hold, and what is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.config.settings import SETTINGS, InvalidSetting, Settings

RAW = "q6Qr2cHcVXYxWZBHlLwcDYVYY1d1mWCdUeXHmQvk4nM"
PRIVATE = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----\n"


def test_nothing_is_pushed_unless_somebody_says_who_it_is_from() -> None:
    settings = Settings()
    assert settings.push_subject is None
    assert settings.push_after == 30


@pytest.mark.parametrize(
    "variables",
    [
        {"STREAMER_PUSH_SUBJECT": "mailto:ops@example.com"},
        {"STREAMER_PUSH_SUBJECT": "https://example.com/contact"},
        {"STREAMER_PUSH_KEY": RAW},
        {"STREAMER_PUSH_KEY": PRIVATE},
        {"STREAMER_PUSH_SERVICES": "push.example.com,*.push.example.org,127.0.0.1,[::1],localhost"},
        {"STREAMER_PUSH_AFTER": "5m"},
        {"STREAMER_PUSH_AFTER": "0"},
        {"STREAMER_PUSH_TIMEOUT": "0.5"},
    ],
)
def test_what_is_allowed_is_given_to_a_child_process_as_it_is(variables: dict[str, str]) -> None:
    settings = Settings.from_env(variables)
    assert Settings.from_env(settings.to_env()) == settings


def test_the_file_of_a_key_is_found_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"STREAMER_PUSH_KEY": "keys/push.pem"})
    assert settings.push_key == str(tmp_path / "keys" / "push.pem")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STREAMER_PUSH_SUBJECT", "ops@example.com", "mailto:"),
        ("STREAMER_PUSH_SUBJECT", "http://example.com", "https://"),
        ("STREAMER_PUSH_SUBJECT", "https://user:hunter2@example.com", "'@'"),
        ("STREAMER_PUSH_SUBJECT", "mailto:a@b,c@d", "mailto:"),
        ("STREAMER_PUSH_KEY", PUBLIC, "it is a public key"),
        ("STREAMER_PUSH_KEY", "https://example.com/key", "neither a key nor a path"),
        ("STREAMER_PUSH_SERVICES", "*", "names"),
        ("STREAMER_PUSH_SERVICES", "https://push.example.com", "names"),
        ("STREAMER_PUSH_SERVICES", "10.0.0.0/8", "names"),
        ("STREAMER_PUSH_SERVICES", "push.example.com:8080", "names"),
        ("STREAMER_PUSH_AFTER", "-1", "from 0"),
        ("STREAMER_PUSH_TIMEOUT", "0", "from 0.1"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(
    variable: str, value: str, said: str
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.from_env({variable: value})
    assert variable in str(refused.value)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_key_is_shown_to_nobody_and_an_address_is() -> None:
    shown = SETTINGS["push_key"].shown
    assert shown(RAW) == shown(PRIVATE) == shown("hunter2") == "***"
    assert shown("keys/push.pem") == "keys/push.pem"
    shown = SETTINGS["push_subject"].shown
    assert shown("mailto:ops@example.com") == "mailto:ops@example.com"
    assert shown("redis://user:hunter2@example.com") == "***"
    assert "***" in repr(Settings.from_env({"STREAMER_PUSH_KEY": RAW}))
