"""Settings: read strictly, and every error says what is allowed."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.config.retention import Retention
from streamer.config.settings import SETTINGS, InvalidSetting, Settings, unknown_variables


def test_without_variables_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = Settings.from_env({}, data_dir=tmp_path)
    assert settings.host == "127.0.0.1"
    assert settings.port == 8000
    assert settings.redis_url is None
    assert settings.media_dir == tmp_path / "media"
    assert settings.output_dir == tmp_path / "output"
    assert settings.heartbeat == 15.0
    assert settings.max_event_bytes == 60_000
    assert settings.allowed_origins == ()


def test_a_variable_is_read_as_its_type() -> None:
    settings = Settings.from_env(
        {
            "STREAMER_PORT": "0",
            "STREAMER_HEARTBEAT": "2m",
            "STREAMER_RETENTION_AGE": "7d",
            "STREAMER_RETENTION": "chats=5000:7d, jobs=500:1d",
            "STREAMER_ALLOWED_ORIGINS": "https://a.example, https://b.example",
            "STREAMER_REDIS_URL": "redis://localhost:6379/1",
        }
    )
    assert settings.port == 0
    assert settings.heartbeat == 120.0
    assert settings.retention_age == 7 * 86400.0
    assert settings.retention == {
        "chats": Retention(5000, 7 * 86400.0),
        "jobs": Retention(500, 86400.0),
    }
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.redis_url == "redis://localhost:6379/1"


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("STREAMER_PORT", "abc", "a whole number from 0 to 65535"),
        ("STREAMER_PORT", "65536", "a whole number from 0 to 65535"),
        ("STREAMER_PORT", "-1", "a whole number from 0 to 65535"),
        ("STREAMER_PORT", "8_000", "a whole number"),
        ("STREAMER_PORT", "\N{FULLWIDTH DIGIT EIGHT}", "a whole number"),
        ("STREAMER_WORKERS", "0", "a whole number from 1 to 256"),
        ("STREAMER_HEARTBEAT", "nan", "a number of seconds from 1 to 300"),
        ("STREAMER_HEARTBEAT", "0.1", "a number of seconds from 1 to 300"),
        ("STREAMER_HEARTBEAT", "15x", "one with a unit: s, m, h, d"),
        ("STREAMER_TAIL_BYTES", "1M", "a whole number of bytes from 0 to 1073741824"),
        ("STREAMER_LOG_LEVEL", "loud", "one of critical, error, warning, info, debug"),
        ("STREAMER_PREFIX", "a b", "1 to 64 of the characters"),
        ("STREAMER_REDIS_URL", "localhost:6379", "redis+sentinel://"),
        ("STREAMER_URL", "localhost:8000", "http:// or https://"),
        ("STREAMER_RETENTION", "chats", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION", "chats=0:7d", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION", "a b=1:7d", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION", "a=1:0", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION", f"a={10**12}:7d", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION", "a=1:99999999d", "chats=5000:7d,jobs=500:1d"),
        ("STREAMER_RETENTION_LENGTH", str(2**70), "a whole number from 1 to 1000000000"),
        ("STREAMER_PUBLISH_RATE", "9" * 199, "a number from 0 to 1000000"),
        ("STREAMER_PUBLISH_RATE", "inf", "a number from 0 to 1000000"),
        ("STREAMER_PUBLISH_RATE", "-1", "a number from 0 to 1000000"),
        ("STREAMER_COMMAND_RATE", "0", "a number from 0.1 to 1000000"),
        ("STREAMER_HIGH_WATER", str(2**63), "a whole number of bytes from 1024 to 1073741824"),
        ("STREAMER_MAX_CONNECTIONS", "9" * 199, "a whole number from 0 to 100000000"),
        ("STREAMER_HEARTBEAT", " ", "a number of seconds from 1 to 300"),
        ("STREAMER_LOG_LEVEL", "info\n", "one of critical, error"),
        ("STREAMER_LOG_LEVEL", "INFO", "one of critical, error"),
        ("STREAMER_PREFIX", "mine\n", "1 to 64 of the characters"),
        ("STREAMER_HOST", " ", "an address or a name"),
        ("STREAMER_HOST", "a b", "an address or a name"),
        ("STREAMER_HOST", "[::1]", "an address or a name"),
        ("STREAMER_DATA_DIR", " ", "the path of a directory"),
        ("STREAMER_DATA_DIR", "~nobody-here/x", "the path of a directory"),
        ("STREAMER_MEDIA_DIR", "a\0b", "the path of a directory"),
        ("STREAMER_COMPRESSION", "maybe", "one of off, public, on"),
        ("STREAMER_IO_URING", "maybe", "true or false"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(
    variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({variable: value})
    assert str(caught.value).startswith(f"{variable} is {value!r}; it must be ")
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://h", "does not start with"),
        ("http://", "no host"),
        ("http://:80", "malformed"),
        ("http://u:hunter2@", "no host"),
        ("http://u:hunter2@[::1]x", "malformed"),
        ("http://u:hunter2@x@h", "%40"),
        ("http://u:p[hunter2@h", "%5B"),
        ("http://h%00", "malformed"),
        ("http://h;x", "malformed"),
        ("http://h h", "a space"),
        ("http://h:port", "malformed"),
        ("http://h:99999", "malformed"),
        ("http://[::1", "malformed"),
        ("http://a..b", "malformed"),
        ("http://h?x=1", "a '?'"),
        ("http://u:hunter2@h:x", "malformed"),
        ("http://u:hunter2", "malformed"),
        ("http://u:hunter2/x@h", "a '/' before an '@'"),
        ("http://u:1/hunter2@h", "a '/' before an '@'"),
        ("http://u:hunter2?x@h", "a '?'"),
        ("http://u:hunter2#x@h", "a '?'"),
        ("u:hunter2@h", "does not start with"),
    ],
)
def test_a_url_of_no_server_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({"STREAMER_URL": url})
    assert why in str(caught.value)
    assert "http://host[:port]" in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_server_behind_a_password_is_shown_without_it() -> None:
    settings = Settings.from_env({"STREAMER_URL": "https://u:hunter2@h/live/"})
    assert settings.base_url == "https://u:hunter2@h/live"
    setting = SETTINGS["url"]
    assert setting.shown(settings.base_url) == "https://***@h/live"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_password_in_the_wrong_variable_is_not_said_back(name: str) -> None:
    """One line too low in a compose file, and it would be in every log."""
    setting = SETTINGS[name]
    lists = setting.type == tuple[str, ...]  # of URLs: one with an "@" is never shown
    for text in ("redis://:hunter2@h:x", "redis://:hunter2")[: 1 if lists else 2]:
        said = setting.shown(text)
        with suppress(InvalidSetting):
            setting.check(text)
            said += "" if lists else "it was taken"
        assert "hunter2" not in said
        assert "taken" not in said


def test_the_current_directory_is_one_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"STREAMER_DATA_DIR": "/elsewhere", "STREAMER_MEDIA_DIR": "."})
    assert settings.media_dir == tmp_path


def test_an_override_wins_over_its_variable() -> None:
    environ = {"STREAMER_PORT": "9000", "STREAMER_HOST": "0.0.0.0"}
    settings = Settings.from_env(environ, port=9001, host=None)
    assert settings.port == 9001
    assert settings.host == "0.0.0.0"


def test_an_override_is_checked_like_its_variable() -> None:
    with pytest.raises(InvalidSetting, match="STREAMER_PORT is '70000'"):
        Settings.from_env({}, port=70000)


def test_an_override_of_no_setting_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="prot"):
        Settings.from_env({}, prot=1)


def test_an_empty_variable_counts_as_not_set() -> None:
    """A compose file passes ``${STREAMER_REDIS_URL:-}`` on as an empty text."""
    assert Settings.from_env({"STREAMER_REDIS_URL": "", "STREAMER_PORT": ""}) == Settings()


def test_directories_are_absolute_and_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"STREAMER_DATA_DIR": "here", "STREAMER_MEDIA_DIR": "videos"})
    assert settings.data_dir == tmp_path / "here"
    assert settings.media_dir == tmp_path / "videos"
    assert settings.output_dir == tmp_path / "here" / "output"


@given(
    port=st.integers(0, 65535),
    heartbeat=st.floats(1, 300),
    prefix=st.from_regex(r"\A[A-Za-z0-9_.-]{1,64}\Z"),
    retention=st.dictionaries(
        st.sampled_from(["chats", "jobs", "users/7"]),
        st.builds(Retention, st.integers(1, 10**6), st.integers(1, 10**7).map(float)),
    ),
)
def test_a_child_process_gets_the_same_settings(
    port: int, heartbeat: float, prefix: str, retention: dict[str, Retention]
) -> None:
    settings = Settings(port=port, heartbeat=heartbeat, prefix=prefix, retention=retention)
    assert Settings.from_env(settings.to_env()) == settings


def test_retention_rules_reach_the_policy() -> None:
    policy = Settings(
        retention_length=7, retention_age=60.0, retention={"chats": Retention(3, 30.0)}
    ).retention_policy()
    assert policy.of("projects/p1") == Retention(7, 60.0)
    assert policy.of("chats/42") == Retention(3, 30.0)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(), "http://127.0.0.1:8000"),
        (Settings(host="0.0.0.0", port=9000), "http://127.0.0.1:9000"),
        (Settings(host="::"), "http://[::1]:8000"),
        (Settings(url="https://streamer.example/"), "https://streamer.example"),
    ],
)
def test_clients_know_where_the_server_is(settings: Settings, url: str) -> None:
    assert settings.base_url == url


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_line_of_help(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.help.endswith(".")
    assert len(setting.help) <= 110
    assert setting.allowed


def test_a_misspelt_variable_is_found_with_the_one_that_was_meant() -> None:
    environ = {"STREAMER_PROT": "1", "STREAMER_PORT": "2", "STREAMER_ZZZ": "3", "PATH": "4"}
    assert unknown_variables(environ) == {"STREAMER_PROT": "STREAMER_PORT", "STREAMER_ZZZ": None}
