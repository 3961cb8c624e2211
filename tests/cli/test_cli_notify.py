"""``streamer notify``: to a user, to admins, to everybody; over HTTP and straight into the log."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.cli import main
from support.live import Live, StartLive
from support.processes import streamer
from support.servers import Server


def call(*arguments: str, **environ: str) -> Result:
    given = {"COLUMNS": "1000", "STREAMER_DATA_DIR": "/nowhere", **environ}
    return CliRunner().invoke(main, ["notify", *arguments], env=given)


def said(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture(params=["http", "log"])
def way(request: pytest.FixtureRequest, live_server: Live) -> dict[str, str]:
    """The environment of a shell: one that names the server, and one that names its log."""
    if request.param == "http":
        return {"STREAMER_URL": live_server.url}
    return {name: live_server.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")}


def received(live: Live, topic: str, id_: str) -> dict[str, Any]:
    """The event of an id, as a reader of `topic` gets it."""
    events = httpx.get(f"{live.url}/api/v1/events?topic={topic}&limit=1000").json()["events"]
    (event,) = (event for event in events if event["id"] == id_)
    found: dict[str, Any] = event
    return {name: found[name] for name in found if name not in {"id", "topic", "timestamp"}}


def test_a_user_is_notified_of_anything(live_server: Live, way: dict[str, str]) -> None:
    """A value is a text, whatever it looks like; one after := is JSON."""
    user = secrets.token_hex(6)
    result = call(
        *(user, "invited", "by=ada", "room=12", "seats:=12", 'tags:=["a"]', "url=http://h/?a=b"),
        *("note=a, b = c", "empty="),
        **way,
    )
    assert result.exit_code == 0, result.output
    assert received(live_server, f"users/{user}", result.output.strip()) == {
        "type": "invited",
        "by": "ada",
        "room": "12",
        "seats": 12,
        "tags": ["a"],
        "url": "http://h/?a=b",
        "note": "a, b = c",
        "empty": "",
    }


@pytest.mark.parametrize(("option", "topic"), [("--all", "system"), ("--admins", "admin")])
@pytest.mark.parametrize("level", [None, "info", "success", "warning", "error"])
def test_many_are_told_a_text(
    live_server: Live, way: dict[str, str], option: str, topic: str, level: str | None
) -> None:
    arguments = [] if level is None else ["--level", level]
    result = call(option, "Back at 8", *arguments, **way)
    assert result.exit_code == 0, result.output
    assert received(live_server, topic, result.output.strip()) == {
        "type": "system_message",
        "message": "Back at 8",
        "level": level or "info",
    }


def test_the_same_key_notifies_once(way: dict[str, str]) -> None:
    key = secrets.token_hex(6)
    first, again = (call("--all", "Back at 8", "--key", key, **way) for _ in range(2))
    assert first.exit_code == again.exit_code == 0
    assert first.output == again.output


def test_what_was_notified_is_in_the_inbox(live_server: Live, way: dict[str, str]) -> None:
    user = secrets.token_hex(6)
    call(user, "invited", "by=ada", **way)
    inbox = httpx.get(f"{live_server.url}/api/v1/notifications?reader={user}&limit=1").json()
    assert [(told["type"], told["unread"]) for told in inbox["notifications"]] == [
        ("invited", True)
    ]


def test_the_token_says_whom_one_may_notify(start_live: StartLive) -> None:
    secret = "0123456789abcdef" * 2
    live = start_live(STREAMER_AUTH_SECRET=secret)
    grants = Grants("clerk", publish=Patterns(("users/*",)))
    environ = {"STREAMER_URL": live.url, "STREAMER_TOKEN": Issuer(secret).issue(grants, 3600.0)}
    assert call("7", "invited", **environ).exit_code == 0
    refused = call("--all", "Back at 8", **environ)
    assert refused.exit_code == 1
    assert f"{live.url}: " in said(refused)
    assert "system" in said(refused)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "USER and TYPE are missing: streamer notify USER TYPE [FIELD=VALUE]..., or"),
        (("7",), "TYPE is missing: streamer notify USER TYPE [FIELD=VALUE]..., or streamer notify"),
        (("a/b", "invited"), "'a/b' is not a user id; it must be 1 to 64 of the characters A-Z"),
        (("7", "Invited"), "'Invited' is not an event type"),
        (("7", "connected"), "the server's own"),
        (("7", "invited", "ada"), "'ada' is no field; write FIELD=VALUE for a text, FIELD:=VALUE"),
        (("7", "invited", "=ada"), "'=ada' is no field"),
        (("7", "invited", ":=1"), "':=1' is no field"),
        (("7", "invited", "by=ada", "by:=1"), "the field 'by' is given twice"),
        (("7", "invited", "n:=ten"), "'n:=ten': what follows := must be JSON, as in progress:=45;"),
        (("7", "invited", "n:=NaN"), "n=NaN is a text"),
        (("7", "invited", "id=1"), "id"),
        (("7", "invited", "by=\udcff"), "FIELD=VALUE is not UTF-8"),
        (("7", "invited", "--level", "info"), "--level goes with --all or --admins"),
        (("--all",), "--all wants one TEXT, in quotes, and 0 words were given"),
        (("--admins", "Back", "at", "8"), "--admins wants one TEXT, in quotes, and 3 words were"),
        (("--all", " "), "--all wants one TEXT"),
        (("--all", "\udcff"), "TEXT is not UTF-8"),
        (("--all", "--admins", "Back"), "give one of --all and --admins"),
        (("--all", "Back", "--level", "loud"), "'info', 'success', 'warning', 'error'"),
        (("--all", "Back", "--key", "a\nb"), "--key must be visible characters"),
        (("--all", "Back", "--url", "localhost"), "--url is 'localhost'"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(arguments: tuple[str, ...], why: str) -> None:
    """Before anybody is asked: there is neither a server nor a log here."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert why in said(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("7", "invited", "http://u:hunter2@h"),
        ("7", "invited", "url:=http://u:hunter2@h"),
        ("http://u:hunter2@h", "invited"),
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "hunter2" not in result.output


def test_what_is_too_large_is_refused_by_who_takes_it(way: dict[str, str]) -> None:
    """There may be a setting."""
    result = call("7", "invited", f"a={'x' * 70_000}", **way)
    assert result.exit_code == 1
    assert "at most 60000 are allowed" in said(result)


def test_where_nobody_answers_is_named(short_dir: Path) -> None:
    nowhere = str(short_dir)
    result = call("--all", "Back", STREAMER_URL="http://127.0.0.1:1", STREAMER_DATA_DIR=nowhere)
    assert result.exit_code == 1
    assert "no server answers at http://127.0.0.1:1" in said(result)
    result = call("--all", "Back", STREAMER_REDIS_URL="redis://127.0.0.1:1")
    assert result.exit_code == 1
    assert "Redis cannot be reached" in said(result)


def test_the_command_itself_prints_the_id_alone(redis_server: Server, prefix: str) -> None:
    environ = {"STREAMER_REDIS_URL": redis_server.url, "STREAMER_PREFIX": prefix}
    with streamer("notify", "7", "invited", "by=ada", environ=environ) as program:
        assert program.wait() == 0
    assert program.err == ""
    assert program.out.count("\n") == 1
    with redis_server.client() as client:
        ((id_, _),) = client.xrange(f"{{{prefix}}}:t:users/7")
    assert program.out.strip() == id_.decode()
