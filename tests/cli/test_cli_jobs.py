"""``streamer jobs``: listed, cancelled, run again; over HTTP and straight in the log."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.cli import main
from streamer.cli.job_table import age, show_jobs
from support.live import Live, StartLive

SAMPLE = {"kind": "transcode", "source": "sample", "height": 480}
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
JOB: dict[str, Any] = {
    "job_id": "8f3c8a52-6b1f-4a55-9a0e-1c2d3e4f5a6b",
    "kind": "thumbnail",
    "status": "running",
    "attempt": 1,
    "progress": 0.57,
    "project_id": "demo",
    "updated_at": "2026-02-03T04:05:01.000Z",
    "message": "drawing",
    "error": None,
    "workers": None,
}


def call(*arguments: str, **environ: str) -> Result:
    given = {"COLUMNS": "1000", "STREAMER_DATA_DIR": "/nowhere", **environ}
    return CliRunner().invoke(main, ["jobs", *arguments], env=given)


@pytest.fixture(params=["http", "log"])
def way(request: pytest.FixtureRequest, live_server: Live) -> dict[str, str]:
    """The environment of a shell: one that names the server, and one that names its log."""
    if request.param == "http":
        return {"STREAMER_URL": live_server.url}
    return {name: live_server.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")}


@pytest.fixture
def jobs(live_server: Live) -> tuple[str, str, str]:
    """A project with two jobs that wait, the older one first."""
    project = secrets.token_hex(6)
    url = f"{live_server.url}/api/v1/projects/{project}/jobs"
    first, second = (httpx.post(url, json=SAMPLE).json()["task_id"] for _ in range(2))
    return project, first, second


def test_jobs_are_listed_the_latest_first_and_by_state_and_project(
    jobs: tuple[str, str, str], way: dict[str, str]
) -> None:
    project, first, second = jobs
    result = call("--project", project, **way)
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert head.split() == ["ID", "KIND", "STATE", "PROGRESS", "PROJECT", "UPDATED", "MESSAGE"]
    assert [line.split()[:2] for line in lines] == [[second, "transcode"], [first, "transcode"]]
    assert all("queued, no worker" in line and project in line for line in lines)
    assert call("cancel", first, **way).stdout == f"{first} cancelled\n"
    left = call("--project", project, "--state", "queued", "--state", "running", "--json", **way)
    (job,) = map(msgspec.json.decode, left.stdout.splitlines())
    assert (job["job_id"], job["status"], job["kind"]) == (second, "queued", "transcode")
    one = call("--project", project, "--limit", "1", **way)
    assert len(one.stdout.splitlines()) == 2
    assert "There are older jobs; --limit 200 shows more." in one.stderr
    none = call("--project", project, "--state", "failed", **way)
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "There are no jobs like these.\n")


def test_jobs_are_cancelled_and_run_again_and_what_cannot_be_is_said(
    jobs: tuple[str, str, str], way: dict[str, str]
) -> None:
    """Each for itself: one that is refused keeps no other back."""
    _, first, second = jobs
    result = call("cancel", first, "nothing", second, **way)
    assert result.exit_code == 1
    assert result.stdout == f"{first} cancelled\n{second} cancelled\n"
    assert result.stderr == "no job 'nothing' is known; it may have been forgotten\n"
    assert call("cancel", first, **way).exit_code == 0  # once more
    again = call("retry", first, second, **way)
    said = "queued, and no worker is running"
    assert (again.exit_code, again.stdout) == (0, f"{first} {said}\n{second} {said}\n")
    refused = call("retry", first, **way)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is queued; only one that failed or was cancelled can be run again" in refused.stderr


def test_what_is_over_cannot_be_cancelled(live_server: Live, way: dict[str, str]) -> None:
    job_id = secrets.token_hex(6)
    event = {"type": "completed", "topic": f"jobs/{job_id}", "result": 1, "task_name": "encode"}
    assert httpx.post(f"{live_server.url}/api/v1/events", json=event).is_success
    result = call("cancel", job_id, **way)
    assert result.exit_code == 1
    said = f"job {job_id} is completed; only one that is not over can be cancelled\n"
    assert (result.stdout, result.stderr) == ("", said)


def test_the_token_says_which_jobs_one_may_see_and_change(start_live: StartLive) -> None:
    secret = "0123456789abcdef" * 2
    live = start_live(STREAMER_AUTH_SECRET=secret)

    def shell(read: Patterns, change: Patterns) -> dict[str, str]:
        grants = Grants("clerk", subscribe=read, publish=change)
        token = Issuer(secret).issue(grants, 3600.0)
        return {"STREAMER_URL": live.url, "STREAMER_TOKEN": token}

    owner = shell(Patterns(("projects/*",)), Patterns(("projects/*",)))
    headers = {"Authorization": f"Bearer {owner['STREAMER_TOKEN']}"}
    ids = [
        httpx.post(f"{live.url}/api/v1/projects/{p}/jobs", json=SAMPLE, headers=headers).json()
        for p in ("p1", "p2")
    ]
    mine, other = (each["task_id"] for each in ids)
    sees = shell(Patterns(("projects/p1",)), Patterns(()))
    assert [
        msgspec.json.decode(line)["job_id"] for line in call("--json", **sees).stdout.splitlines()
    ] == [mine]
    result = call("cancel", mine, other, **sees)
    assert result.exit_code == 1
    forbidden, hidden = result.stderr.splitlines()
    assert "you may not publish to" in forbidden
    assert hidden == f"no job '{other}' is known; it may have been forgotten"
    anybody = call(STREAMER_URL=live.url)
    assert (anybody.exit_code, f"{live.url}: " in anybody.stderr) == (1, True)
    assert call("cancel", mine, other, **owner).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--state", "done"), "'done' is not one of 'queued', 'running'"),
        (("--limit", "0"), "0 is not in the range 1<=x<=200"),
        (("cancel",), "Missing argument 'ID...'"),
        (("cancel", "../x"), "'../x' is not a job id"),
        (
            ("--project", "p", "cancel", "x"),
            "options come last: streamer jobs cancel ID... --option",
        ),
        (("nonsense",), "No such command 'nonsense'"),
        (("--url", "http://u:secret@h:x"), "--url"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(arguments: tuple[str, ...], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "secret" not in result.output


def test_where_nobody_answers_that_is_said() -> None:
    for arguments in ((), ("cancel", "a", "b")):
        result = call(*arguments, STREAMER_URL="http://127.0.0.1:1")
        assert result.exit_code == 1
        assert result.stderr.count("no server answers at http://127.0.0.1:1") == 1


def shown(*jobs: dict[str, Any], width: int) -> list[str]:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    show_jobs(jobs, console, NOW)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_terminal_shows_whole_ids_and_as_much_else_as_it_has_room_for() -> None:
    wide = shown(JOB, width=120)
    assert wide[1].split() == [
        *(JOB["job_id"], "thumbnail", "▸", "running", "57%", "demo", "5s", "drawing")
    ]
    for width in (100, 80, 60):
        for job in (JOB, {**JOB, "project_id": "a" * 64, "kind": "b" * 64, "message": "c" * 99}):
            narrow = shown(job, width=width)
            assert all(len(line) <= width for line in narrow)
            assert narrow[1].startswith(f"{JOB['job_id']} ")
            assert "running" in narrow[1]
    assert "thumbnail" in shown(JOB, width=80)[1]


def test_what_others_chose_cannot_move_the_cursor() -> None:
    evil = {**JOB, "kind": "a\x1b[2J", "error": "b\nc\x07", "project_id": None, "progress": None}
    (_, line) = shown(evil, width=200)
    assert "\x1b" not in line
    assert line.split() == [
        *(JOB["job_id"], "a\ufffd[2J", "▸", "running", "-", "-", "5s", "b", "c\ufffd")
    ]


def test_a_second_attempt_and_a_missing_worker_are_said() -> None:
    (_, second) = shown({**JOB, "attempt": 2, "status": "retrying"}, width=200)
    assert "↻ retrying (2)" in second
    (_, waits) = shown({**JOB, "status": "queued", "workers": 0}, width=200)
    assert "· queued, no worker" in waits


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (7200, "2h"),
        (200_000, "2d"),
    ],
)
def test_how_long_ago_it_was_is_said_in_its_largest_unit(seconds: float, words: str) -> None:
    at = NOW - timedelta(seconds=seconds)
    assert age(at.isoformat().replace("+00:00", "Z"), NOW) == words


@pytest.mark.parametrize("at", [None, 5, "yesterday"])
def test_what_is_not_known_is_a_dash(at: object) -> None:
    assert age(at, NOW) == "-"
