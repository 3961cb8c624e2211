"""Jobs are of their projects: seen by whoever reads those, changed by whoever publishes there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from streamer.jobs.listing import LOOKED_AT
from support.asking import ClosedStage, grants, status_of

READER: Final = grants("reader", reads=("projects/p1",))
PUBLISHER: Final = grants("publisher", writes=("projects/p1",))
BOTH: Final = grants("both", reads=("projects/*",), writes=("projects/*",))
OF_JOBS: Final = grants("jobs", reads=("jobs/*",), writes=("jobs/*",))
OF_ONE: Final = grants("one", reads=("jobs/j1",))
OTHER: Final = grants("other", reads=("projects/p2",), writes=("projects/p2",))
FORGER: Final = grants("forger", reads=("projects/p2",), writes=("jobs/*", "projects/p2"))
ADMIN: Final = grants("admin", admin=True)


@pytest.fixture
def stage() -> Iterator[ClosedStage]:
    """Of four jobs: two of p1, one of p2, and one of none."""
    stage = ClosedStage(
        *(READER, PUBLISHER, BOTH, OF_JOBS, OF_ONE, OTHER, FORGER, ADMIN),
        settings=Settings(publish_rate=0),
    )
    report(stage, "j1", "projects/p1")
    report(stage, "j2", "projects/p2")
    report(stage, "j3", "projects/p1")
    report(stage, "j4")
    yield stage
    stage.end()


def report(stage: ClosedStage, job_id: str, *projects: str, **fields: Any) -> None:  # noqa: ANN401
    said = {"task_name": "t", "status": "queued", "job_id": job_id, **fields}
    event = new_event((*projects, f"jobs/{job_id}"), "status", said)
    stage.loop.run(stage.log._log.append(event))


def body_of(answer: str) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(answer.partition("\r\n\r\n")[2])
    return body


def cancel(stage: ClosedStage, job_id: str, who: str) -> str:
    return stage.ask(f"/api/v1/jobs/{job_id}/cancel", who, method="POST", body=b"{}")


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        (READER, {"j1", "j3"}),
        (PUBLISHER, set()),
        (BOTH, {"j1", "j2", "j3"}),
        (OF_JOBS, {"j1", "j2", "j3", "j4"}),
        (OF_ONE, {"j1"}),
        (OTHER, {"j2"}),
        (ADMIN, {"j1", "j2", "j3", "j4"}),
    ],
    ids=lambda it: getattr(it, "subject", ""),
)
def test_a_job_is_seen_by_its_name_or_by_its_projects(
    stage: ClosedStage, who: Grants, seen: set[str]
) -> None:
    listed = body_of(stage.ask("/api/v1/jobs", who.subject))["jobs"]
    assert {job["job_id"] for job in listed} == seen
    for job in ("j1", "j2", "j3", "j4"):
        found = 200 if job in seen else 404
        assert status_of(stage.ask(f"/api/v1/jobs/{job}", who.subject)) == found
        assert status_of(stage.ask(f"/api/v1/jobs/{job}/status", who.subject)) == found
        streamed = 200 if job in seen else 403
        assert status_of(stage.ask(f"/api/v1/jobs/{job}/events", who.subject)) == streamed
        assert status_of(stage.ask(f"/api/v1/jobs/{job}/stream", who.subject)) == streamed


@pytest.mark.parametrize(
    ("who", "status", "shown"),
    [
        (BOTH, 200, True),
        (OF_JOBS, 200, True),
        (PUBLISHER, 200, False),
        (FORGER, 200, False),
        (READER, 403, False),
        (OF_ONE, 403, False),
        (OTHER, 404, False),
    ],
    ids=lambda it: getattr(it, "subject", ""),
)
def test_a_job_is_cancelled_by_whoever_may_publish_and_shown_to_whoever_may_read(
    stage: ClosedStage, who: Grants, status: int, shown: bool
) -> None:
    answer = cancel(stage, "j1", who.subject)
    assert status_of(answer) == status
    if status == 200:
        expected = body_of(stage.ask("/api/v1/jobs/j1", "admin"))
        expected.pop("cursor")
        got = body_of(answer)
        got.pop("cursor", None)
        assert got == (expected if shown else {"job_id": "j1", "status": "cancelled"})
    else:
        state = body_of(stage.ask("/api/v1/jobs/j1", "admin"))
        assert state["status"] == "queued"


@pytest.mark.parametrize("who", [BOTH, OTHER, OF_JOBS], ids=lambda it: it.subject)
def test_a_job_that_nobody_has_is_found_by_nobody(stage: ClosedStage, who: Grants) -> None:
    assert status_of(cancel(stage, "j9", who.subject)) == 404
    assert status_of(stage.ask("/api/v1/jobs/j9", who.subject)) == 404


def test_a_job_is_of_the_project_that_it_is_reported_to_and_of_none_that_it_names(
    stage: ClosedStage,
) -> None:
    """Else whoever may publish to a job alone would have us publish its end to any project."""
    body = (
        b'{"topic":"jobs/f1","type":"status","task_name":"t","status":"queued",'
        b'"job_id":"f1","project_id":"p1"}'
    )
    published = stage.ask("/api/v1/events", "forger", method="POST", body=body)
    assert status_of(published) == 201
    assert status_of(stage.ask("/api/v1/jobs/f1", "reader")) == 404
    assert body_of(stage.ask("/api/v1/jobs/f1", "admin"))["project_id"] is None
    before = body_of(stage.ask("/api/v1/projects/p1/events?limit=100", "reader"))["events"]
    assert status_of(cancel(stage, "f1", "forger")) == 200
    after = body_of(stage.ask("/api/v1/projects/p1/events?limit=100", "reader"))["events"]
    assert after == before


def test_a_list_is_as_long_as_asked_for_of_what_may_be_seen(stage: ClosedStage) -> None:
    for number in range(30):
        report(stage, f"many{number:02}", "projects/p2")
    listed = body_of(stage.ask("/api/v1/jobs?limit=1", "reader"))["jobs"]
    assert [job["job_id"] for job in listed] == ["j3"]
    listed = body_of(stage.ask("/api/v1/jobs?limit=2", "other"))["jobs"]
    assert [job["job_id"] for job in listed] == ["many29", "many28"]
    assert LOOKED_AT >= 1000


def test_a_job_is_queued_by_whoever_may_publish_to_the_project(stage: ClosedStage) -> None:
    for path in ("jobs", "generate"):
        target = f"/api/v1/projects/p1/{path}"
        assert status_of(stage.ask(target, "reader", method="POST", body=b"{}")) == 403
        assert status_of(stage.ask(target, "jobs", method="POST", body=b"{}")) == 403
        # It is let in, and says no kind.
        answer = stage.ask(target, "publisher", method="POST", body=b"{}")
        assert status_of(answer) == 400
        assert '"code":"unknown_job_kind"' in answer
