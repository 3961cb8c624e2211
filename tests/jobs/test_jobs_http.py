"""Jobs over HTTP: asked for, listed, looked at, cancelled, and refused."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar

from streamer.app import create_app
from streamer.cursor import Cursor
from streamer.errors import LogUnavailable
from streamer.eventlog.redis import RedisEventLog
from streamer.jobs.kinds import JobKind, load_kinds
from streamer.jobs.submit import Jobs
from streamer.settings import Settings
from support.jobs import events_of

JOBS_URL = "/api/v1/projects/p1/jobs"
SAMPLE = {"kind": "transcode", "source": "sample", "height": 480}


@pytest.fixture
async def app(job_settings: Settings, clip: Path) -> AsyncIterator[Litestar]:
    shutil.copy(clip, job_settings.media_dir / "clip.mp4")
    app = create_app(job_settings)
    started, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # In a task of its own: a fixture is torn down in another than it is set up in.
        async with app.lifespan():
            started.set()
            await over.wait()

    life = asyncio.create_task(live())
    await started.wait()
    yield app
    over.set()
    await life


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", [JOBS_URL, "/api/v1/projects/p1/generate"])
@pytest.mark.parametrize("source", ["sample", "clip.mp4"])
async def test_an_accepted_job_says_where_to_watch_it_and_from_where(
    client: httpx.AsyncClient, redis_log: RedisEventLog, path: str, source: str
) -> None:
    before = await redis_log.head()
    answer = await client.post(path, json={**SAMPLE, "source": source, "format": "webm"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    job_id = body["task_id"]
    assert body == {
        "task_id": job_id,
        "status": "queued",
        "message": "Queued: transcode",
        "stream_url": f"/api/v1/jobs/{job_id}/stream",
        "last_event_id": str(before),
    }
    assert answer.headers["location"] == f"/api/v1/jobs/{job_id}"
    page = await redis_log.read([f"jobs/{job_id}"], Cursor.parse(body["last_event_id"]), 10)
    (queued,) = page.items
    told = msgspec.json.decode(queued.body)  # type: ignore[union-attr]
    assert (told["status"], told["project_id"], told["job_id"]) == ("queued", "p1", job_id)


async def test_a_job_is_looked_at_and_listed_latest_first(client: httpx.AsyncClient) -> None:
    ids = [(await client.post(JOBS_URL, json=SAMPLE)).json()["task_id"] for _ in range(3)]
    answer = await client.get(f"/api/v1/jobs/{ids[0]}")
    assert answer.status_code == 200
    job = answer.json()
    assert (
        job.items()
        >= {
            "job_id": ids[0],
            "project_id": "p1",
            "kind": "transcode",
            "status": "queued",
            "progress": 0.0,
            "stream_url": f"/api/v1/jobs/{ids[0]}/stream",
            "attempt": None,
        }.items()
    )
    listed = (await client.get("/api/v1/jobs")).json()["jobs"]
    assert [job["job_id"] for job in listed] == ids[::-1]
    assert [j["job_id"] for j in (await client.get("/api/v1/jobs?limit=1")).json()["jobs"]] == ids[
        2:
    ]


async def test_no_jobs_are_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/jobs")).json() == {"jobs": []}


async def test_cancelling_a_queued_job_ends_it_and_may_be_repeated(
    client: httpx.AsyncClient, redis_log: RedisEventLog
) -> None:
    job_id = (await client.post(JOBS_URL, json=SAMPLE)).json()["task_id"]
    for _ in range(3):
        answer = await client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    events = await events_of(redis_log, f"jobs/{job_id}")
    assert [event.terminal for event in events] == [False, True]


TRANSCODE_FIELDS = "its fields are: source, height, format"


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (b"", "invalid_json", "JSON object"),
        (b"{", "invalid_json", "JSON object"),
        (b"\xff", "invalid_json", "JSON object"),
        (b"[]", "invalid_json", "must be a JSON object"),
        (b"null", "invalid_json", "must be a JSON object"),
        (b'"transcode"', "invalid_json", "must be a JSON object"),
        ({}, "unknown_job_kind", "the kinds are: transcode"),
        ({"kind": "dance"}, "unknown_job_kind", "'dance' is no kind of job"),
        ({"kind": ["transcode"]}, "unknown_job_kind", "the kinds are"),
        ({"kind": "x" * 9999}, "unknown_job_kind", "the kinds are"),
        ({"kind": "transcode"}, "invalid_fields", "`source`"),
        ({**SAMPLE, "height": 143}, "invalid_fields", ">= 144"),
        ({**SAMPLE, "height": 2162}, "invalid_fields", "<= 2160"),
        ({**SAMPLE, "height": 481}, "invalid_fields", "multiple of 2"),
        ({**SAMPLE, "height": "480"}, "invalid_fields", "Expected `int`"),
        ({**SAMPLE, "height": 480.5}, "invalid_fields", "Expected `int`"),
        ({**SAMPLE, "height": None}, "invalid_fields", TRANSCODE_FIELDS),
        ({**SAMPLE, "height": 10**30}, "invalid_fields", TRANSCODE_FIELDS),
        ({**SAMPLE, "format": "exe"}, "invalid_fields", "exe"),
        ({**SAMPLE, "format": 4}, "invalid_fields", "format"),
        ({**SAMPLE, "extra": 1}, "invalid_fields", "extra"),
        ({**SAMPLE, "source": 7}, "invalid_fields", "source"),
        ({**SAMPLE, "source": ""}, "invalid_source", "it must be 'sample' or"),
        ({**SAMPLE, "source": "missing.mp4"}, "invalid_source", "is not there"),
        ({**SAMPLE, "source": "../p1.mp4"}, "invalid_source", "is not allowed"),
        ({**SAMPLE, "source": "/etc/passwd"}, "invalid_source", "is not allowed"),
        ({**SAMPLE, "source": "http://127.0.0.1/x"}, "invalid_source", "is not allowed"),
        ({**SAMPLE, "source": "concat:a|b"}, "invalid_source", "is not allowed"),
        ({**SAMPLE, "source": "-i"}, "invalid_source", "is not allowed"),
        ({**SAMPLE, "source": "a\u0000b"}, "invalid_source", "is not allowed"),
    ],
)
async def test_a_bad_request_is_a_problem_that_says_what_is_allowed_and_queues_nothing(
    client: httpx.AsyncClient, redis_log: RedisEventLog, body: object, code: str, detail: str
) -> None:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = await client.post(
        JOBS_URL, content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert code in problem.values() or code in problem["type"]
    assert detail in problem["detail"]
    assert await events_of(redis_log, "projects/p1") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/projects/no%20project/jobs", 400),
        ("GET", "/api/v1/jobs/never-seen", 404),
        ("GET", "/api/v1/jobs/not%20an%20id", 400),
        ("POST", "/api/v1/jobs/never-seen/cancel", 404),
        ("GET", "/api/v1/jobs?limit=0", 400),
        ("GET", "/api/v1/jobs?limit=100000", 400),
        ("GET", "/api/v1/jobs?limit=many", 400),
    ],
)
async def test_a_bad_address_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, json=SAMPLE)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_without_ffmpeg_a_job_is_unavailable(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    answer = await client.post(JOBS_URL, json=SAMPLE)
    assert answer.status_code == 503
    assert "ffmpeg is not installed" in answer.json()["detail"]


async def test_a_job_that_could_not_be_queued_is_an_error_on_its_stream(
    app: Litestar,
    client: httpx.AsyncClient,
    redis_log: RedisEventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("the queue is away")

    await client.get("/api/v1/jobs")
    jobs: Jobs = app.state["jobs"]
    monkeypatch.setattr(jobs._open_broker(), "enqueue", refuse)
    answer = await client.post(JOBS_URL, json=SAMPLE)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    events = await events_of(redis_log, "projects/p1")
    assert [event.type for event in events] == ["status", "error"]


async def test_while_redis_is_away_a_job_is_unavailable(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise LogUnavailable("away, says the test")

    await client.get("/api/v1/jobs")
    jobs: Jobs = app.state["jobs"]
    monkeypatch.setattr(jobs._log, "head", away)
    answer = await client.post(JOBS_URL, json=SAMPLE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_package_may_offer_kinds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shape(msgspec.Struct):
        size: int

    kind = JobKind(name="thumbnail", parameters=Shape, run=lambda *_: None)

    class EntryPoint:
        def load(self) -> JobKind:
            return kind

    monkeypatch.setattr("streamer.jobs.kinds.entry_points", lambda group: [EntryPoint()])
    assert load_kinds()["thumbnail"] is kind
    assert kind.read({"size": 3}) == Shape(3)
