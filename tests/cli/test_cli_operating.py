"""``streamer topics``, ``inspect``, ``delete``, ``retain``: over HTTP and straight in the log."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.cli import main
from support.live import Live, StartLive


def call(*arguments: str, **environ: str) -> Result:
    given = {"COLUMNS": "1000", "STREAMER_DATA_DIR": "/nowhere", **environ}
    return CliRunner().invoke(main, list(arguments), env=given)


def read(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [msgspec.json.decode(line) for line in result.stdout.splitlines()]


@pytest.fixture(params=["http", "log"])
def way(request: pytest.FixtureRequest, live_server: Live) -> dict[str, str]:
    """The environment of a shell: one that names the server, and one that names its log."""
    if request.param == "http":
        return {"STREAMER_URL": live_server.url}
    return {name: live_server.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")}


@pytest.fixture
def place(live_server: Live) -> str:
    """The beginning of topics that no other test has: three events on one, one on another."""
    place = f"p{secrets.token_hex(6)}"
    for topic, count in (("a", 3), ("b/c", 1)):
        for n in range(count):
            publish(live_server, f"{place}/{topic}", n)
    return place


def publish(live: Live, topic: str, n: int = 0, kind: str = "note", **fields: object) -> str:
    event = {"type": kind, "topic": topic, "n": n, **fields}
    answer = httpx.post(f"{live.url}/api/v1/events", json=event)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def poll(live: Live, topic: str, after: str) -> dict[str, Any]:
    query = {"topic": topic, "after": after}
    found: dict[str, Any] = httpx.get(f"{live.url}/api/v1/events", params=query).json()
    return found


def test_topics_are_listed_the_newest_or_the_largest_first(place: str, way: dict[str, str]) -> None:
    newest = read(call("topics", place, **way))
    assert [(topic["topic"], topic["events"]) for topic in newest] == [
        (f"{place}/b/c", 1),
        (f"{place}/a", 3),
    ]
    assert all(topic["bytes"] > 0 and topic["readers"] == 0 for topic in newest)
    assert [each["topic"] for each in read(call("topics", f"{place}/*", **way))] == [f"{place}/a"]
    assert [each["topic"] for each in read(call("topics", f"{place}/b", **way))] == [f"{place}/b/c"]
    largest = call("topics", f"{place}/**", "--sort", "size", "--limit", "1", **way)
    assert len(read(largest)) == 1
    assert "There are more topics; --limit 1000 shows more." in largest.stderr
    none = call("topics", f"{place}x", **way)
    assert (none.exit_code, none.stdout, none.stderr) == (
        0,
        "",
        "There are no topics like these.\n",
    )


def test_a_topic_is_inspected(live_server: Live, place: str, way: dict[str, str]) -> None:
    (found,) = read(call("inspect", f"{place}/a", **way))
    assert (found["events"], found["busy"], found["trimmed"]) == (3, False, None)
    assert found["retention"] == {
        "prefix": None,
        "length": 1000,
        "age": 86400.0,
        "set_by": "settings",
    }
    assert [event["fields"] for event in found["newest"]] == ['{"n":2}', '{"n":1}', '{"n":0}']
    assert found["first"] < found["last"]
    job = f"jobs/{place}"
    publish(live_server, job, kind="progress", progress=0.5, task_name="encode", attempt=1)
    (busy,) = read(call("inspect", job, **way))
    assert (busy["busy"], busy["snapshot"]["status"]) == (True, "running")
    none = call("inspect", f"{place}/z", **way)
    assert none.exit_code == 1
    assert f"nothing is kept of {place}/z" in none.stderr


def test_a_topic_is_deleted_and_who_comes_later_is_told(
    live_server: Live, place: str, way: dict[str, str]
) -> None:
    topic = f"{place}/a"
    last = poll(live_server, topic, "0-0")["cursor"]
    unasked = call("delete", topic, **way)
    assert unasked.exit_code == 2
    assert "nobody can be asked here whether to delete; say --yes" in unasked.stderr
    result = call("delete", topic, f"{place}/z", "--yes", **way)
    assert result.exit_code == 1
    said, deleted = result.stdout.split(" deleted at ")
    assert (said, result.stderr) == (topic, f"nothing is kept of {place}/z\n")
    gap = poll(live_server, topic, last)["gap"]
    assert (gap["topic"], gap["reason"], gap["until"]) == (topic, "deleted", deleted.strip())
    (found,) = read(call("inspect", topic, **way))
    assert (found["events"], found["reason"]) == (0, "deleted")
    assert [each["topic"] for each in read(call("topics", place, **way))] == [f"{place}/b/c"]


def test_a_job_that_is_not_over_keeps_its_topic_unless_forced(
    live_server: Live, place: str, way: dict[str, str]
) -> None:
    job = f"jobs/{place}"
    publish(live_server, job, kind="progress", progress=0.5, task_name="encode", attempt=1)
    refused = call("delete", job, "--yes", **way)
    assert (refused.exit_code, refused.stdout) == (1, "")
    said = f"streamer jobs cancel, or --force: {job} has a job that is not over\n"
    assert refused.stderr == said
    assert call("delete", job, "--yes", "--force", **way).exit_code == 0
    listed = httpx.get(f"{live_server.url}/api/v1/jobs").json()["jobs"]
    assert place not in [each["job_id"] for each in listed]


def test_how_much_is_kept_is_set_shown_and_taken_back(
    live_server: Live, place: str, way: dict[str, str]
) -> None:
    first = poll(live_server, f"{place}/a", "0-0")["events"][0]["id"]
    done = call("retain", place, "--length", "1", "--age", "2h", **way)
    assert done.stdout == f"{place}: 1 events, 2h at rest from now on (set by hand)\n"
    assert done.stderr == "2 events were removed\n"
    late = poll(live_server, f"{place}/a", first)
    assert (late["gap"]["reason"], len(late["events"])) == ("trimmed", 1)
    publish(live_server, f"{place}/a", 9)  # by the server, which was started with other settings
    assert len(poll(live_server, f"{place}/a", "0-0")["events"]) == 1
    (shown,) = read(call("retain", f"{place}/a/deeper", **way))
    assert shown == {"prefix": place, "length": 1, "age": 7200.0, "set_by": "hand"}
    assert shown in read(call("retain", **way))
    longer = call("retain", place, "--length", "7", "--json", **way)
    assert read(longer) == [{**shown, "length": 7, "trimmed": 0}]
    back = call("retain", place, "--remove", **way)
    assert back.stdout.startswith(f"{place}: 1,000 events, 1d at rest from now on")
    again = call("retain", place, "--remove", **way)
    assert again.exit_code == 1
    assert f"what is kept of {place} was not set by hand" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("topics", "a/**/b"), "is not a pattern of topics"),
        (("inspect", "a b"), "topic"),
        (("delete", "a b", "--yes"), "topic"),
        (("retain", "--length", "5"), "name a topic"),
        (("retain", "a", "--age", "0"), "must be a time, at least a second"),
        (("retain", "a", "--age", "1h", "--remove"), "--remove is for itself"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_allowed(
    arguments: tuple[str, ...], said: str
) -> None:
    result = call(*arguments, STREAMER_URL="http://127.0.0.1:1")
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())


def test_only_an_admin_may_over_http(start_live: StartLive) -> None:
    secret = "0123456789abcdef" * 2
    live = start_live(STREAMER_AUTH_SECRET=secret)

    def shell(*, is_admin: bool) -> dict[str, str]:
        every = Patterns(("**",))
        grants = Grants("clerk", is_admin=is_admin, subscribe=every, publish=every)
        return {"STREAMER_URL": live.url, "STREAMER_TOKEN": Issuer(secret).issue(grants, 3600.0)}

    calls = (
        ("topics",),
        ("inspect", "notes/1"),
        ("delete", "notes/1", "--yes"),
        ("retain",),
        ("retain", "notes", "--length", "5"),
        ("retain", "notes", "--remove"),
    )
    for arguments in calls:
        refused = call(*arguments, **shell(is_admin=False))
        assert refused.exit_code == 1
        assert "only an admin may do this" in refused.stderr
    assert call("retain", "notes", "--length", "5", **shell(is_admin=True)).exit_code == 0
    assert call("topics", **shell(is_admin=True)).exit_code == 0
