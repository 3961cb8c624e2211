"""The help is enough to use Streamer without a manual."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streamer import __version__
from streamer.cli import main
from streamer.config.settings import SETTINGS

COMMANDS = (
    *("run", "serve", "worker", "jobs", "tail", "publish", "notify"),
    *("token", "revoke", "check", "openapi"),
)


def test_the_help_lists_every_command_and_every_setting_with_its_default() -> None:
    shown = CliRunner().invoke(main, ["--help"], env={"COLUMNS": "200"}).output
    for command in COMMANDS:
        assert f" {command} " in shown
    for setting in SETTINGS.values():
        (line,) = (line for line in shown.splitlines() if f" {setting.variable} " in line)
        assert setting.default in line
        assert setting.help in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: main {command}" in result.output


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"streamer, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--port", "abc"], "--port is 'abc'; it must be a whole number from 0 to 65535"),
        (["serve"], "there is no event log"),
        (["worker"], "there is no event log"),
        (["tail", "a//b"], "'a//b' is not a topic"),
        (["tail"], "Missing argument 'TOPIC...'"),
        (["publish", "a", "b", "[1]"], "JSON is not a JSON object"),
        (["publish", "a", "b", "{"], "JSON is not a JSON object"),
        (["token"], "Missing option '--sub'"),
        (["token", "--sub", "7"], "STREAMER_AUTH_SECRET is not set"),
        (["revoke"], "give one of --sub and --jti"),
        (["revoke", "--sub", "7", "--jti", "a"], "give one of --sub and --jti"),
        (["revoke", "--sub", "a\nb"], "characters that can be seen"),
        (["revoke", "--jti", ""], "characters that can be seen"),
        (["revoke", "--jti", "a" * 256], "1 to 255 characters"),
        (["revoke", "--jti", "a"], "there is no event log"),
        (["check", "--redis-url", "localhost"], "--redis-url is 'localhost'"),
    ],
)
def test_a_wrong_call_is_refused_with_what_was_wrong(
    arguments: list[str], said: str, tmp_path: object
) -> None:
    environ = {"STREAMER_DATA_DIR": str(tmp_path), "COLUMNS": "200"}
    result = CliRunner().invoke(main, arguments, env=environ)
    assert result.exit_code == 2
    assert said in result.output


def test_a_wrong_variable_is_named() -> None:
    environ = {"STREAMER_PORT": "abc", "COLUMNS": "200"}
    result = CliRunner().invoke(main, ["run"], env=environ)
    assert result.exit_code == 2
    assert "STREAMER_PORT is 'abc'" in result.output
