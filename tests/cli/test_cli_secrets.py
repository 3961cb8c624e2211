"""No command shows a password, however the URL that holds it is written."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.cli import main
from streamer.config.redacted import message
from streamer.config.redis_url import InvalidRedisURL, parse_redis_url
from support.processes import streamer

SHAPES: tuple[str, ...] = (
    "redis://:{}/er2@h",
    "redis://:{}",
    "redis://u:{}@h:x",
    "redis://h?PASSWORD={}",
    "redis://h?{}",
    "u:{}@h:6379",
    "redis+sentinel://h/e?sentinel_password={}&x",
    "unix://:{}@s",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("check",),
    ("run",),
    ("serve",),
    ("worker",),
    ("tail", "projects/p1"),
    ("publish", "projects/p1", "note"),
    ("notify", "7", "invited"),
)


@pytest.mark.parametrize("variable", ["STREAMER_REDIS_URL", "STREAMER_BROKER_URL", "STREAMER_URL"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_malformed_url_in_a_variable_is_refused_without_its_password(
    command: tuple[str, ...], variable: str
) -> None:
    for shape in SHAPES:
        environ = {variable: shape.replace("{}", "hunter2"), "COLUMNS": "300"}
        result = CliRunner().invoke(main, list(command), env=environ)
        assert result.exit_code == 2, (shape, result.output)
        assert variable in result.output
        assert "hunter2" not in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STREAMER_AUTH_SECRET", "hunter2"),
        ("STREAMER_AUTH_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----hunter2"),
        ("STREAMER_AUTH_JWKS_URL", "http://issuer.example/?hunter2"),
        ("STREAMER_AUTH_URL", "https://u:hunter2@app"),
    ],
)
def test_a_bad_setting_of_access_is_refused_without_what_it_is(
    command: tuple[str, ...], variable: str, value: str
) -> None:
    result = CliRunner().invoke(main, list(command), env={variable: value, "COLUMNS": "300"})
    assert result.exit_code == 2, result.output
    assert variable in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("command", ["check", "run", "serve", "worker", "publish"])
def test_a_malformed_url_in_an_option_is_refused_without_its_password(
    command: str, shape: str
) -> None:
    url = shape.replace("{}", "hunter2")
    arguments = ["a/b", "note"] if command == "publish" else []
    for given_so in (["--redis-url", url], [f"--redis-url={url}"]):
        result = CliRunner().invoke(main, [command, *arguments, *given_so])
        assert result.exit_code == 2, result.output
        assert "hunter2" not in result.output


@pytest.mark.parametrize("url", ["redis://:hunter2@h", "u:hunter2@h", "redis://:my hunter2@h"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("{}",),
        ("check", "{}"),
        ("run", "{}"),
        ("tail", "{}"),
        ("publish", "{}", "note"),
        ("publish", "a/b", "{}"),
        ("publish", "a/b", "note", "{{}}", "{}"),
        ("check", "--redis-urll", "{}"),
        ("check", "--redis-urll={}"),
        ("run", "--port", "{}"),
        ("run", "--data-dir", "{}"),
        ("tail", "a", "--until", "{}"),
    ],
)
def test_a_url_in_the_wrong_place_is_refused_without_its_password(
    arguments: tuple[str, ...], url: str
) -> None:
    environ = {"COLUMNS": "300", "STREAMER_REDIS_URL": "redis://127.0.0.1:1"}
    typed = [argument.replace("{}", url) for argument in arguments]
    if arguments == ("run", "--data-dir", "{}") and "://" not in url:
        return  # a directory may be called so
    result = CliRunner().invoke(main, typed, env=environ)
    assert result.exit_code != 0
    assert "hunter2" not in result.output


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    start=st.sampled_from(["", "redis://", "redis://:", "redis://h?", "rediss://u:", "unix://"]),
    middle=st.text("redis:/@?#&=[]%,h1; ", max_size=8),
    end=st.text("redis:/@?#&=[]%,h1; ", max_size=8),
)
def test_whatever_the_shape_of_a_url_that_is_refused_nothing_shows_its_password(
    start: str, middle: str, end: str
) -> None:
    url = f"{start}{middle}hunter2{end}"
    try:
        parse_redis_url(url)
    except InvalidRedisURL:
        for command in ("serve", "check"):
            for environ in ({"STREAMER_REDIS_URL": url}, {"STREAMER_BROKER_URL": url}):
                result = CliRunner().invoke(main, [command], env=environ)
                assert result.exit_code == 2
                assert "hunter2" not in result.output


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hunter2@127.0.0.1:1",
        "redis://hunter2@127.0.0.1:1",
        "redis://127.0.0.1:1?password=hunter2",
        "unix://:hunter2@/nowhere/s",
        "redis+sentinel://u:hunter2@127.0.0.1:1/e?sentinel_password=hunter2",
        "redis+cluster://:hunter2@127.0.0.1:1",
    ],
)
def test_check_shows_where_a_redis_is_and_not_its_password(url: str) -> None:
    """Nor does its traceback: there is none."""
    for variable in ("STREAMER_REDIS_URL", "STREAMER_BROKER_URL"):
        environ = {variable: url, "STREAMER_URL": "http://u:hunter2@127.0.0.1:1"}
        with streamer("check", environ=environ) as program:
            # Jobs that cannot wait in a cluster are no reason not to start.
            assert program.wait() == (0 if "cluster" in url and "BROKER" in variable else 1)
        shown = program.out + program.err
        assert "hunter2" not in shown
        assert "***" in shown
        assert "Traceback" not in shown


def test_check_shows_that_there_is_a_secret_and_not_which() -> None:
    environ = {"STREAMER_AUTH_SECRET": "hunter2" * 5, "STREAMER_REDIS_URL": "redis://127.0.0.1:1"}
    with streamer("check", environ=environ) as program:
        program.wait()
    shown = program.out + program.err
    assert "STREAMER_AUTH_SECRET" in shown
    assert "hunter2" not in shown
    assert "Traceback" not in shown


def test_a_sentence_keeps_all_but_the_urls_in_it() -> None:
    assert message("'users/bob@example' is not a topic") == "'users/bob@example' is not a topic"
    assert message("extra argument (redis://:a b@h) here") == "extra argument (***) here"
