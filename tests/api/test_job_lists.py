"""Lists of jobs and of projects: paged, filtered, searched, and only of what may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pytest

from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from streamer.jobs.listing import LOOKED_AT
from support.asking import ClosedStage, grants, status_of

ADMIN: Final = grants("admin", admin=True)
READER: Final = grants("reader", reads=("projects/p1",))


@pytest.fixture
def stage() -> Iterator[ClosedStage]:
    """Of six jobs, the last the newest: even ones of p0, the others of p1."""
    stage = ClosedStage(ADMIN, READER, settings=Settings(publish_rate=0))
    for number, status in enumerate(
        ["completed", "failed", "running", "queued", "cancelled", "running"]
    ):
        report(stage, f"j{number}", f"p{number % 2}", status, task_name=f"Encode {number}")
    yield stage
    stage.end()


def report(stage: ClosedStage, job: str, project: str, status: str, **fields: object) -> None:
    said = {"status": status, "job_id": job, "task_name": "t", **fields}
    event = new_event((f"projects/{project}", f"jobs/{job}"), "status", said)
    stage.loop.run(stage.log._log.append(event))


def listed(stage: ClosedStage, query: str = "", who: str = "admin") -> tuple[list[str], str | None]:
    body = answered(stage, f"/api/v1/jobs?{query}", who)
    return [job["job_id"] for job in body["jobs"]], body["next"]


def answered(stage: ClosedStage, target: str, who: str) -> dict[str, Any]:
    answer = stage.ask(target, who)
    assert status_of(answer) == 200, answer
    body: dict[str, Any] = msgspec.json.decode(answer.partition("\r\n\r\n")[2])
    return body


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 20])
def test_pages_of_a_list_are_all_of_it_once(stage: ClosedStage, size: int) -> None:
    pages, place = [], ""
    while True:
        page, following = listed(stage, f"limit={size}{place}")
        pages.append(page)
        if following is None:
            break
        place = f"&before={quote(following)}"
    assert [job for page in pages for job in page] == ["j5", "j4", "j3", "j2", "j1", "j0"]
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("project=p1", ["j5", "j3", "j1"]),
        ("status=running", ["j5", "j2"]),
        ("status=failed&status=cancelled", ["j4", "j1"]),
        ("project=p0&status=running", ["j2"]),
        ("q=ENCODE%203", ["j3"]),
        ("q=3%20encode", ["j3"]),
        ("q=j4", ["j4"]),
        ("q=p1%20encode", ["j5", "j3", "j1"]),
        ("q=nothing", []),
        ("q=%20", ["j5", "j4", "j3", "j2", "j1", "j0"]),
    ],
)
def test_a_list_has_what_was_asked_for(stage: ClosedStage, query: str, expected: list[str]) -> None:
    assert listed(stage, query) == (expected, None)


def test_a_filter_pages_too(stage: ClosedStage) -> None:
    first, following = listed(stage, "project=p1&limit=2")
    assert (first, following is not None) == (["j5", "j3"], True)
    assert listed(stage, f"project=p1&limit=2&before={following}") == (["j1"], None)


def test_a_list_looks_at_so_many_and_says_where_to_go_on(stage: ClosedStage) -> None:
    """What is older is not hidden by many of others, nor read all at once."""
    for number in range(LOOKED_AT):
        report(stage, f"many{number}", "p0", "queued")
    page, following = listed(stage, who="reader")
    assert (page, following is None) == ([], False)
    assert listed(stage, f"before={following}", who="reader") == (["j5", "j3", "j1"], None)


def test_a_job_of_a_list_says_what_it_is_and_when_it_was(stage: ClosedStage) -> None:
    job = answered(stage, "/api/v1/jobs?limit=1", "admin")["jobs"][0]
    assert (job["project_id"], job["task_name"], job["parent_id"]) == ("p1", "Encode 5", None)
    assert job["created_at"] == job["started_at"] == job["updated_at"]
    assert job["ended_at"] is None


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("status=done", "must be one of: queued, running"),
        ("project=a%20b", "is not a project id"),
        (f"q={'a' * 201}", "200 at most"),
        ("before=yesterday", "`next` of another list"),
        ("before=1:a/b", "`next` of another list"),
        ("sort=name", "allowed: status, limit, project, q, before"),
        ("q=a&q=b", "give it once"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    stage: ClosedStage, query: str, detail: str
) -> None:
    answer = stage.ask(f"/api/v1/jobs?{query}", "admin")
    assert status_of(answer) == 400
    assert detail in answer


def test_projects_are_listed_newest_first_and_only_those_that_may_be_seen(
    stage: ClosedStage,
) -> None:
    def names(query: str, who: str) -> list[str]:
        body = answered(stage, f"/api/v1/projects{query}", who)
        return [project["project_id"] for project in body["projects"]]

    report(stage, "j9", "p2", "queued")
    assert names("", "admin") == ["p2", "p1", "p0"]
    assert names("?limit=2", "admin") == ["p2", "p1"]
    assert names("", "reader") == ["p1"]
    assert status_of(stage.ask("/api/v1/projects?limit=0", "admin")) == 400
    assert status_of(stage.ask("/api/v1/projects")) == 401
