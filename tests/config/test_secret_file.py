"""Settings that are kept in a file: read as a variable is, and never said back."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from streamer.config.redacted import HIDDEN
from streamer.config.settings import SETTINGS, InvalidSetting, Settings, unknown_variables

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"

#: A value of each that there is something to hide in.
VALUES = {
    "redis_url": "redis://:hunter2@h:6379",
    "broker_url": "redis://:hunter2@h:6379",
    "url": "https://u:hunter2@h",
    "token": "hunter2",
    "ai_url": "https://u:hunter2@h/v1",
    "ai_key": "hunter2",
    "push_key": "hunter2" * 6 + "A",
    "auth_secret": SECRET,
    "auth_jwks_url": "https://h/keys?key=hunter2",
    "auth_url": "https://h/who?key=hunter2",
}
#: What is hidden of these is only what does not belong there.
NO_SECRETS = {"auth_public_key", "auth_issuer", "push_subject"}


def refused(environ: dict[str, str]) -> str:
    """What the settings of `environ` are refused with, to the end of its traceback."""
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env(environ)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_every_setting_that_hides_its_value_may_be_in_a_file() -> None:
    hiding = {name for name, it in SETTINGS.items() if "shown" in (it.meta.extra or {})}
    assert {name for name, it in SETTINGS.items() if it.is_secret} == hiding - NO_SECRETS
    assert set(VALUES) == hiding - NO_SECRETS


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file_without_the_line_break_at_the_end(
    tmp_path: Path, name: str, end: str
) -> None:
    (tmp_path / "it").write_bytes(f"{VALUES[name]}{end}".encode())
    environ = {f"STREAMER_{name.upper()}_FILE": str(tmp_path / "it")}
    settings = Settings.from_env(environ)
    assert getattr(settings, name) == VALUES[name]
    assert "hunter2" not in repr(settings)
    assert unknown_variables(environ) == {}


def test_a_secret_that_is_a_variable_too_is_refused_by_both_names(tmp_path: Path) -> None:
    (tmp_path / "it").write_text(SECRET)
    environ = {"STREAMER_TOKEN": "hunter2", "STREAMER_TOKEN_FILE": str(tmp_path / "it")}
    assert refused(environ) == (
        "STREAMER_TOKEN and STREAMER_TOKEN_FILE are set together; it must be one of them"
    )


def test_an_option_wins_over_the_file_too() -> None:
    settings = Settings.from_env({"STREAMER_TOKEN_FILE": "/nowhere"}, token="mine")
    assert settings.token == "mine"


def test_an_empty_name_of_a_file_counts_as_not_set() -> None:
    assert Settings.from_env({"STREAMER_TOKEN_FILE": ""}) == Settings()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"hunter2\xff", "is not text in UTF-8"),
        (b"hunter2\0", "has a zero byte"),
        (b"hunter2" * 10_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_by_its_name(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)
    assert refused({"STREAMER_TOKEN_FILE": str(path)}) == (
        f"STREAMER_TOKEN_FILE names {str(path)!r}, which {why}"
    )


def test_a_file_that_cannot_be_read_is_refused_by_its_name_and_why(tmp_path: Path) -> None:
    said = refused({"STREAMER_TOKEN_FILE": "/run/secrets/nowhere"})
    assert said == (
        "STREAMER_TOKEN_FILE names '/run/secrets/nowhere', "
        "which cannot be read: No such file or directory"
    )
    said = refused({"STREAMER_TOKEN_FILE": str(tmp_path)})
    assert said.endswith("which cannot be read: Is a directory")


def test_a_pipe_is_refused_at_once_for_nobody_may_ever_write_to_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = refused({"STREAMER_TOKEN_FILE": str(tmp_path / "pipe")})
    assert said.endswith("which is not a regular file")


def test_the_secret_itself_in_the_place_of_its_file_is_not_said_back() -> None:
    assert refused({"STREAMER_AUTH_SECRET_FILE": SECRET}) == (
        "STREAMER_AUTH_SECRET_FILE must be the whole path of a file, as in /run/secrets/auth_secret"
    )


def test_a_bad_value_in_a_file_is_refused_with_the_file_and_what_is_allowed(
    tmp_path: Path,
) -> None:
    (tmp_path / "it").write_text("hunter2\n")
    said = refused({"STREAMER_AUTH_SECRET_FILE": str(tmp_path / "it")})
    assert said.startswith(f"STREAMER_AUTH_SECRET, as '{tmp_path}/it' has it, is '{HIDDEN}';")
    assert "it must be a secret of 32 bytes or more" in said


@pytest.mark.parametrize("name", VALUES)
def test_a_child_that_inherits_the_name_of_the_file_gets_the_same_settings(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "it").write_text(VALUES[name])
    environ = {f"STREAMER_{name.upper()}_FILE": str(tmp_path / "it")}
    settings = Settings.from_env(environ)
    assert Settings.from_env(environ | settings.to_env()) == settings


def test_no_other_setting_is_read_from_a_file() -> None:
    environ = {"STREAMER_PORT_FILE": "/run/secrets/port"}
    assert Settings.from_env(environ) == Settings()
    assert unknown_variables(environ) == {"STREAMER_PORT_FILE": "STREAMER_PORT"}
