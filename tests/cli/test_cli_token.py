"""``streamer token`` makes what a server with the same secret lets in."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from click.testing import CliRunner, Result

from streamer.access.configured import tokens_of
from streamer.access.grants import Grants
from streamer.cli import main
from streamer.config.settings import Settings

SECRET = "0123456789abcdef" * 2


def call(*arguments: str, **environ: str) -> Result:
    variables = {"STREAMER_AUTH_SECRET": SECRET, "COLUMNS": "300", **environ}
    return CliRunner().invoke(main, ["token", *arguments], env=variables)


def verified(token: str, **settings: object) -> Grants:
    """What a server of these settings says of it."""
    tokens = tokens_of(Settings(auth_secret=SECRET, **settings), None)  # type: ignore[arg-type]
    return asyncio.run(tokens.verify(token))


def test_it_holds_what_was_asked_for_and_nothing_else_is_on_the_output() -> None:
    topics = ["--subscribe", "projects/*", "--subscribe", "chats/**", "--publish", "projects/p1"]
    before = time.time()
    result = call("--sub", "7", *topics, "--ttl", "15m")
    assert result.exit_code == 0
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", result.stdout)
    grants = verified(result.stdout.strip())
    assert (grants.subject, grants.is_admin) == ("7", False)
    assert grants.subscribe.allowed == {"projects/*", "chats/**"}
    assert grants.publish.allowed == {"projects/p1"}
    assert grants.expires is not None
    assert 15 * 60 - 1 <= grants.expires - before <= 15 * 60 + 2
    lines = dict(line.split(None, 1) for line in result.stderr.splitlines())
    ends = lines.pop("ends")
    assert lines == {
        "subject": "7",
        "reads": "chats/**, projects/*, users/7",
        "publishes": "projects/p1",
        "jti": grants.token_id,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", ends)
    assert result.stdout.strip() not in result.stderr


def test_by_default_it_is_good_for_an_hour_and_reads_what_is_the_subjects_own() -> None:
    result = call("--sub", "ann")
    grants = verified(result.stdout.strip())
    assert grants.expires is not None
    assert grants.issued is not None
    assert grants.expires - grants.issued == 3600
    assert "reads       users/ann\npublishes   nothing" in result.stderr


def test_an_admin_reads_everything_and_publishes_what_is_named() -> None:
    result = call("--sub", "ops", "--admin")
    grants = verified(result.stdout.strip())
    assert grants.is_admin
    assert not grants.may_publish("projects/p1")
    assert "ops, an admin\nreads       everything\npublishes   nothing" in result.stderr


def test_it_is_for_the_server_that_the_settings_are_of() -> None:
    """With its issuer, and one of its audiences."""
    environ = {"STREAMER_AUTH_ISSUER": "https://id.example", "STREAMER_AUTH_AUDIENCE": "a,b"}
    token = call("--sub", "7", **environ).stdout.strip()
    same = verified(token, auth_issuer="https://id.example", auth_audience=("a", "b"))
    assert same.subject == "7"


def test_no_two_tokens_have_one_name() -> None:
    """Else to revoke one would revoke another."""
    assert len({verified(call("--sub", "7").stdout.strip()).token_id for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sub", ""], "sub is missing"),
        (["--sub", "a\nb"], "sub must be at most 255 characters that can be seen"),
        (["--sub", "7", "--subscribe", "projects/p*"], "'projects/p*' is not a pattern of topics"),
        (["--sub", "7", "--publish", "**/a"], "'**/a' is not a pattern of topics"),
        (["--sub", "7", "--ttl", "soon"], "--ttl is 'soon'; it must be a time"),
        (["--sub", "7", "--ttl", "0"], "a token lives from 1 second to 400 days"),
        (["--sub", "7", "--ttl", "401d"], "a token lives from 1 second to 400 days"),
    ],
)
def test_what_no_server_would_let_in_is_not_made(arguments: list[str], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_without_the_secret_it_says_what_is_missing_and_shows_none() -> None:
    for environ in ({"STREAMER_AUTH_SECRET": ""}, {"STREAMER_AUTH_SECRET": "hunter2"}):
        result = call("--sub", "7", **environ)
        assert result.exit_code == 2
        assert "STREAMER_AUTH_SECRET" in result.stderr
        assert "hunter2" not in result.output
        assert result.stdout == ""
