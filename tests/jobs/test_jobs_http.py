"""Jobs over HTTP: asked for, listed, looked at, cancelled, and refused."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import ANY

import httpx
import msgspec
import pytest
import redis
from litestar import Litestar
from msgspec.structs import replace

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.errors import LogUnavailable, TooManyJobs
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.client import open_client
from streamer.jobs.kinds import JobKind
from streamer.jobs.known_kinds import load_kinds
from streamer.jobs.submit import Jobs
from streamer.jobs.worker import open_publisher
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher, events_of, working
from support.servers import Server
from support.waiting import DEADLINE, wait_until

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
        "message": "Queued: transcode; no worker is running: start one with `streamer worker`",
        "workers": 0,
        "stream_url": f"/api/v1/jobs/{job_id}/stream",
        "last_event_id": str(before),
    }
    assert answer.headers["location"] == f"/api/v1/jobs/{job_id}"
    page = await redis_log.read([f"jobs/{job_id}"], Cursor.parse(body["last_event_id"]), 10)
    (queued,) = page.events
    told = msgspec.json.decode(queued.body)
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
    assert (await client.get("/api/v1/jobs")).json() == {"jobs": [], "next": None}


@pytest.mark.parametrize(
    ("told", "fields", "status"),
    [("completed", {"result": {"url": "/a"}}, "completed"), ("error", {"error": "no"}, "failed")],
)
async def test_cancelling_a_job_that_is_over_says_what_it_ended_as(
    client: httpx.AsyncClient,
    redis_log: RedisEventLog,
    told: str,
    fields: dict[str, object],
    status: str,
) -> None:
    job_id = (await client.post(JOBS_URL, json=SAMPLE)).json()["task_id"]
    await Publisher(redis_log).publish(("projects/p1", f"jobs/{job_id}"), told, fields)
    for _ in range(2):
        answer = await client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert [event.type for event in await events_of(redis_log, f"jobs/{job_id}")][1:] == [told]


async def test_cancelling_a_running_job_is_accepted_and_may_be_repeated(
    client: httpx.AsyncClient, redis_log: RedisEventLog
) -> None:
    """It is asked for once; the worker that runs the job ends it."""
    job_id = (await client.post(JOBS_URL, json=SAMPLE)).json()["task_id"]
    topics = ("projects/p1", f"jobs/{job_id}")
    await Publisher(redis_log).status(topics, "started", attempt=1)
    for _ in range(2):
        answer = await client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert len(await events_of(redis_log, f"jobs/{job_id}")) == 3


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
        ({"kind": "dance"}, "unknown_job_kind", "'dance' is not a kind of job"),
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
        ({**SAMPLE, "source": "concat:a|b"}, "invalid_source", "is not there"),
        ({**SAMPLE, "source": "-i"}, "invalid_source", "is not there"),
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


async def test_without_ffmpeg_a_job_is_refused_for_good_and_how_to_install_it_is_said(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a 503: the same request does not succeed by waiting."""
    monkeypatch.setenv("PATH", "")
    answer = await client.post(JOBS_URL, json=SAMPLE)
    assert answer.status_code == 501
    problem = answer.json()
    assert "ffmpeg is not installed" in problem["detail"]
    assert "apt-get install ffmpeg" in problem["detail"]
    assert not problem.get("retry")
    assert "retry-after" not in answer.headers


async def test_a_full_queue_takes_no_more_jobs_and_says_when_to_come_back(
    job_settings: Settings, redis_log: RedisEventLog
) -> None:
    """Nothing is reported of what was refused; when a job is over there is room again."""

    class Nothing(msgspec.Struct):
        pass

    kind = JobKind(name="nothing", parameters=Nothing, run=lambda *_: None)
    settings = replace(job_settings, max_queued_jobs=2)
    jobs = Jobs(settings, redis_log, Publisher(redis_log), kinds={"nothing": kind})
    first = await jobs.submit("p1", {"kind": "nothing"})
    await jobs.submit("p1", {"kind": "nothing"})
    with pytest.raises(TooManyJobs, match=r"2 jobs are queued; at most 2 may be") as refused:
        await jobs.submit("p1", {"kind": "nothing"})
    assert (refused.value.outcome.status, refused.value.retry_after) == (503, 5.0)
    assert len(await events_of(redis_log, "projects/p1")) == 2
    with open_publisher(settings) as publisher:
        broker = create_broker(settings, publisher)
        declare_actors(broker, settings, {"nothing": kind}.values())
        with working(broker):
            await JobWatcher(redis_log).ended(first["task_id"])
            await wait_until(lambda: broker.do_qsize(kind.queue) < 2, "no job left the queue")
        broker.client.close()
    await jobs.submit("p1", {"kind": "nothing"})
    jobs.close()


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


async def test_a_redis_that_does_not_answer_holds_no_request_for_long(
    job_settings: Settings, own_server: Server
) -> None:
    """Its process is stopped: connections are made, and nothing comes back."""
    app = create_app(replace(job_settings, redis_url=own_server.url))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        accepted = await client.post(JOBS_URL, json=SAMPLE)
        assert accepted.status_code == 202
        own_server.freeze()
        cancel = f"/api/v1/jobs/{accepted.json()['task_id']}/cancel"
        try:  # both are answered before it comes back
            async with asyncio.timeout(DEADLINE):
                queued, cancelled = await asyncio.gather(
                    client.post(JOBS_URL, json=SAMPLE), client.post(cancel)
                )
        finally:
            own_server.thaw()
    for answer in (queued, cancelled):
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        assert answer.headers["retry-after"] == "1"
    # By the limit of queueing, which is below every other one of the same wait.
    assert queued.json()["detail"] == "Redis did not take the job; it is not queued"
    assert "Redis did not answer in time" in cancelled.json()["detail"]
    app.state["jobs"].close()
    await app.state.publisher._log.close()


async def test_a_queue_that_does_not_answer_holds_no_request_and_the_job_is_an_error(
    app: Litestar,
    client: httpx.AsyncClient,
    redis_log: RedisEventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Should the job be in the queue after all, no worker starts it."""
    answered = threading.Event()
    await client.get("/api/v1/jobs")
    jobs: Jobs = app.state["jobs"]
    monkeypatch.setattr("streamer.jobs.submit.QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(jobs._open_broker(), "enqueue", lambda _: answered.wait(DEADLINE))
    answer = await client.post(JOBS_URL, json=SAMPLE)
    answered.set()
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    events = await events_of(redis_log, "projects/p1")
    assert [event.terminal for event in events] == [False, True]


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

    monkeypatch.setattr("streamer.jobs.known_kinds.entry_points", lambda group: [EntryPoint()])
    assert load_kinds()["thumbnail"] is kind
    assert kind.read({"size": 3}) == Shape(3)


def test_the_queue_is_asked_with_a_time_limit_and_never_twice(job_settings: Settings) -> None:
    """Or a line that is dead at its other end would hold a worker for ever."""
    for url in ("redis://127.0.0.1:6379/0", "unix:///nowhere.sock"):
        client = open_client(replace(job_settings, redis_url=url))
        options = client.get_connection_kwargs()
        assert options["socket_timeout"] == options["socket_connect_timeout"] == 5.0
        assert options["retry"].get_retries() == 0
        client.close()


def test_an_answer_that_does_not_come_is_a_lost_connection_to_dramatiq(
    job_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then tries again to acknowledge a message, instead of taking it for a defect."""
    broker = create_broker(job_settings)

    def late(**_: object) -> None:
        raise redis.TimeoutError("late, says the test")

    monkeypatch.setitem(broker.scripts, "dispatch", late)
    with pytest.raises(redis.ConnectionError, match="no answer in time: late"):
        broker.do_ack("default", "id")
    broker.client.close()


async def test_a_job_that_is_asked_for_again_with_its_key_is_the_same_job(
    client: httpx.AsyncClient, redis_log: RedisEventLog
) -> None:
    """Also by several at once; its events are not missed by whoever asks again."""
    key = {"Idempotency-Key": "order-17"}
    asked = [client.post(JOBS_URL, json=SAMPLE, headers=key) for _ in range(3)]
    first, *others = await asyncio.gather(*asked)
    assert first.status_code == 202, first.text
    assert {each.json()["task_id"] for each in others} == {first.json()["task_id"]}
    again = await client.post(JOBS_URL, json=SAMPLE, headers=key)
    assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
    position = Cursor.parse(again.json()["last_event_id"])
    page = await redis_log.read([f"jobs/{first.json()['task_id']}"], position, 10)
    assert [msgspec.json.decode(event.body)["status"] for event in page.events] == ["queued"]
    other = await client.post("/api/v1/projects/p2/jobs", json=SAMPLE, headers=key)
    assert other.json()["task_id"] != first.json()["task_id"]
    assert len((await client.get("/api/v1/jobs")).json()["jobs"]) == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post(JOBS_URL, json=SAMPLE, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_a_job_that_could_not_be_queued_is_queued_when_it_is_asked_for_again(
    job_settings: Settings, redis_log: RedisEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same key: what was not done the first time is done, and once."""
    jobs = Jobs(job_settings, redis_log, Publisher(redis_log))
    broker = jobs._open_broker()
    enqueue = broker.enqueue

    def refuse(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away, says the test")

    monkeypatch.setattr(broker, "enqueue", refuse)
    with pytest.raises(LogUnavailable):
        await jobs.submit("p1", SAMPLE, key="order-17")
    monkeypatch.setattr(broker, "enqueue", enqueue)
    accepted = await jobs.submit("p1", SAMPLE, key="order-17")
    assert await jobs.submit("p1", SAMPLE, key="order-17") == {
        **accepted,
        "last_event_id": ANY,
    }
    assert await JobWatcher(redis_log).story(accepted["task_id"]) == ["queued", "error", "queued"]
    assert broker.do_qsize("streamer") == 1
    jobs.close()
