"""A user's own actors, run by real workers, and started over HTTP."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from support.jobs import JobWatcher
from support.own_project import BROKER, TASKS, Write
from support.processes import Program, streamer
from support.waiting import wait_until

URL = "/api/v1/projects/p1/jobs"


@pytest.fixture
async def client(job_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Of a server that has none of the user's code."""
    app = create_app(job_settings)
    started, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # In a task of its own: a fixture is torn down in another than it is set up in.
        async with app.lifespan():
            started.set()
            await over.wait()

    life = asyncio.create_task(live())
    await started.wait()
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    over.set()
    await life


def work(project: Path, *modules: str, environ: dict[str, str]) -> Program:
    return streamer("worker", *modules, cwd=project, environ=environ)


@pytest.fixture
def environ(job_settings: Settings) -> dict[str, str]:
    assert job_settings.redis_url is not None
    own = {"OWN_REDIS": job_settings.redis_url, "OWN_NAMESPACE": f"{job_settings.prefix}-own"}
    return {**job_settings.to_env(), **own}


@pytest.fixture(params=["ours", "own"])
def worker(
    request: pytest.FixtureRequest, own_project: Write, environ: dict[str, str]
) -> Iterator[Program]:
    """Of a module without a broker, and of one that has one; both may also be killed."""
    modules = {"myapp__tasks": TASKS}
    if request.param == "own":
        modules = {"broker": BROKER, "myapp__tasks": f"from broker import broker\n{TASKS}"}
    with work(own_project(**modules), "myapp.tasks", environ=environ) as program:
        program.wait_for("running jobs in")
        yield program


async def submit(client: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await client.post(URL, json=body)


async def test_marked_actors_are_started_over_http_and_watched_as_built_in_jobs_are(
    client: httpx.AsyncClient, worker: Program, watcher: JobWatcher
) -> None:
    """Sync and async, of any queue, under another name, with the project of the address."""
    actors = "hangs_once, private, thumbnail, wait; started over HTTP: hangs_once, thumb"
    assert f"actors of myapp.tasks: {actors}" in worker.err
    answer = await submit(client, kind="thumbnail", source="a.png")
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert (accepted["message"], accepted["workers"]) == ("Queued: thumbnail", 1)
    bodies = await watcher.ended(accepted["task_id"])
    assert [body.get("status", body["type"]) for body in bodies] == [
        *("queued", "started", "completed")
    ]
    assert {body["project_id"] for body in bodies} == {"p1"}
    result = {"source": "a.png", "width": 320, "project": "p1", "version": 1}
    assert bodies[-1]["result"] == result
    other = (await submit(client, kind="wait-a-bit", n=3)).json()["task_id"]
    assert (await watcher.ended(other))[-1]["result"] == 3
    listed = (await client.get("/api/v1/jobs")).json()["jobs"]
    assert [job["kind"] for job in listed] == ["wait-a-bit", "thumbnail"]
    assert (await client.get(f"/api/v1/jobs/{other}")).json()["kind"] == "wait-a-bit"
    assert worker.stop() == 0, str(worker)
    # A server knows it all the same, and says who is missing.
    late = (await submit(client, kind="thumbnail", source="a.png")).json()
    assert late["workers"] == 0
    assert "start one with `streamer worker` of its module" in late["message"]


@pytest.mark.parametrize("worker", ["ours"], indirect=True)
async def test_what_cannot_be_done_is_refused_and_the_schema_says_what_can(
    client: httpx.AsyncClient, worker: Program, redis_log: RedisEventLog
) -> None:
    """The schema that the server serves."""
    for body, said in (
        ({"kind": "thumbnail"}, "missing required field `source`; its fields are: source (string)"),
        ({"kind": "thumbnail", "source": 1}, "Expected `str`, got `int` - at `$.source`"),
        ({"kind": "thumbnail", "source": "a", "width": 5000}, "width (integer, at least 1, at mos"),
        ({"kind": "thumbnail", "source": "a", "project_id": "p2"}, "unknown field `project_id`"),
        ({"kind": "thumbnail", "source": "a" * 20_000}, "20013 bytes; at most 12288 are allowed"),
        (
            {"kind": "private", "n": 1},
            "'private' is not a kind of job; the kinds are: hangs_once",
        ),
    ):
        refused = await submit(client, **body)
        assert (refused.status_code, said in refused.json()["detail"]) == (400, True), refused.text
    assert await redis_log.topics("jobs/", 10) == {}
    schema = (await client.get("/schema/openapi.json")).json()
    bodies = schema["components"]["schemas"]
    mapping = bodies["JobRequest"]["discriminator"]["mapping"]
    assert sorted(mapping) == ["hangs_once", "thumbnail", "transcode", "trim", "wait-a-bit"]
    body = bodies["Job.thumbnail"]
    assert body["description"] == "Draw a small picture."
    assert body["required"] == ["kind", "source"]
    assert body["properties"] == {
        "kind": {"type": "string", "const": "thumbnail"},
        "source": {"type": "string"},
        "width": {"type": "integer", "minimum": 1, "maximum": 4096, "default": 320},
    }
    page = (await client.get("/schema")).text
    assert 'id="body-Job.thumbnail"' in page


@pytest.mark.faults
async def test_a_job_of_a_worker_that_stops_is_run_again_and_has_not_failed(
    client: httpx.AsyncClient,
    *,
    worker: Program,
    own_project: Write,
    environ: dict[str, str],
    watcher: JobWatcher,
    tmp_path: Path,
) -> None:
    """Its actor says ``max_retries=0``: to be interrupted is no failure of it."""
    flag = tmp_path / "flag"
    job_id = (await submit(client, kind="hangs_once", flag=str(flag))).json()["task_id"]
    await watcher.told(job_id, "started")
    await wait_until(flag.exists, "the job did not begin")
    assert worker.stop() == 0, str(worker)
    assert await watcher.story(job_id) == ["queued", "started", "retrying"]
    with work(own_project(), "myapp.tasks", environ=environ):
        bodies = await watcher.ended(job_id)
    assert bodies[-1]["result"] == "done"


@pytest.mark.faults
@pytest.mark.parametrize("worker", ["own"], indirect=True)
async def test_what_was_asked_for_while_no_worker_ran_is_run_by_the_next_one(
    client: httpx.AsyncClient,
    worker: Program,
    own_project: Write,
    environ: dict[str, str],
    watcher: JobWatcher,
) -> None:
    """However the one before ended."""
    await wait_until(lambda: _is_offered(client), "it is not offered")
    worker.signal(signal.SIGKILL)
    worker.wait()
    job_id = (await submit(client, kind="thumbnail", source="a.png")).json()["task_id"]
    cancelled = (await submit(client, kind="thumbnail", source="b.png")).json()["task_id"]
    assert (await client.post(f"/api/v1/jobs/{cancelled}/cancel")).json()["status"] == "cancelled"
    with work(own_project(), "myapp.tasks", environ=environ) as again:
        assert (await watcher.ended(job_id))[-1]["type"] == "completed"
        retried = await client.post(f"/api/v1/jobs/{cancelled}/retry")
        assert retried.status_code == 202, retried.text
        await watcher.told(cancelled, "completed")
        assert again.stop() == 0, str(again)
    assert await watcher.story(cancelled) == [
        *("queued", "cancelled", "queued", "started", "completed")
    ]


async def _is_offered(client: httpx.AsyncClient) -> bool:
    schema = (await client.get("/schema/openapi.json")).json()
    return "Job.thumbnail" in schema["components"]["schemas"]
