"""The worker process, from without: run, stopped, killed."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.submit import Jobs
from streamer.jobs.transcode.sample import ensure_sample
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher
from support.processes import Program
from support.requirements import needs
from support.waiting import wait_until

WORKER = """
import sys
from streamer.jobs.worker import run_worker
from streamer.config.settings import Settings
print("starting", flush=True)
sys.exit(run_worker(Settings.from_env()))
"""

#: A worker whose death is noticed after a second, and whose first attempt hangs.
FRAGILE = """
import pathlib, sys, threading
import dramatiq, streamer
from streamer.jobs.broker import create_broker
from streamer.jobs.worker import Stop, open_publisher, run_until
from streamer.config.settings import Settings

settings = Settings.from_env()
publisher = open_publisher(settings)
broker = create_broker(settings, publisher, heartbeat_timeout=1, maintenance_chance=1_000_000)

@dramatiq.actor(broker=broker)
def fragile(*, flag):
    streamer.progress().checkpoint({"page": 7})
    streamer.progress().update(0.6, "working")
    last = streamer.progress().last_checkpoint
    first = not pathlib.Path(flag).exists()
    pathlib.Path(flag).touch()
    if first:
        threading.Event().wait()
    streamer.progress().update(0.2)
    return last or "nothing"

if sys.argv[1:]:
    print(fragile.send_with_options(kwargs={"flag": sys.argv[1]}, project_id="p1").message_id)
print("working", flush=True)
run_until(Stop(), broker, threads=1)
"""


@pytest.fixture
def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Jobs:
    return Jobs(job_settings, redis_log, Publisher(redis_log))


async def test_a_worker_transcodes_what_was_submitted_and_stops_when_told(
    job_settings: Settings, jobs: Jobs, watcher: JobWatcher, clip: Path
) -> None:
    shutil.copy(clip, job_settings.media_dir / "clip.mp4")
    with Program([sys.executable, "-c", WORKER], environ=job_settings.to_env()) as worker:
        job = {"kind": "transcode", "source": "clip.mp4", "height": 144, "format": "mp4"}
        answer = await jobs.submit("p1", job)
        bodies = await watcher.ended(answer["task_id"])
        assert worker.stop() == 0, str(worker)
    assert await watcher.story(answer["task_id"]) == ["queued", "started", "completed"]
    result = bodies[-1]["result"]
    assert (job_settings.output_dir / Path(result["url"]).name).stat().st_size == result["size"]
    assert (result["width"], result["height"]) == (192, 144)
    state = await jobs.state(answer["task_id"])
    told = (state["kind"], state["project_id"], state["status"])
    assert told == ("transcode", "p1", "completed")


async def test_a_stopped_worker_hands_its_job_on_and_a_running_one_is_cancelled(
    job_settings: Settings, jobs: Jobs, watcher: JobWatcher
) -> None:
    """The job is a long transcode: ffmpeg is interrupted, and nothing is left of its output."""
    needs("ffmpeg")
    ensure_sample(job_settings.media_dir / "long.mp4", seconds=60, size="320x240")
    environ = job_settings.to_env()
    answer = await jobs.submit("p1", {"kind": "transcode", "source": "long.mp4", "height": 2160})
    job_id = answer["task_id"]
    with Program([sys.executable, "-c", WORKER], environ=environ) as worker:
        await watcher.told(job_id, "started")
        assert worker.stop() == 0, str(worker)
    assert await watcher.story(job_id) == ["queued", "started", "retrying"], str(worker)
    with Program([sys.executable, "-c", WORKER], environ=environ) as worker:
        await watcher.told(job_id, "started", times=2)
        for _ in range(2):
            await jobs.cancel(job_id)
        await watcher.ended(job_id)
        assert worker.stop() == 0, str(worker)
    assert (await watcher.story(job_id))[-1] == "cancelled"
    assert list(job_settings.output_dir.iterdir()) == []


async def test_a_job_whose_worker_is_killed_goes_on_with_attempt_two_on_the_same_stream(
    job_settings: Settings, watcher: JobWatcher, tmp_path: Path
) -> None:
    """By kill -9: no hook of Dramatiq fires, and the message was never "retried"."""
    environ = job_settings.to_env()
    command = [sys.executable, "-c", FRAGILE]
    with Program([*command, str(tmp_path / "flag")], environ=environ) as worker:
        job_id = worker.wait_for(r"^[0-9a-f-]{36}$")[0]
        await watcher.told(job_id, "started")
        await watcher.came_to(job_id, 0.6)

        async def kept() -> bytes | None:
            return await watcher.log.checkpoints.find(job_id)

        await wait_until(kept, "the checkpoint was not kept")
        worker.signal(signal.SIGKILL)
        worker.wait()
    with Program(command, environ=environ):
        bodies = await watcher.ended(job_id)
    told = [(body["type"], body.get("status"), body.get("attempt")) for body in bodies]
    assert told == [
        ("status", "queued", None),
        ("status", "started", 1),
        ("progress", "in_progress", 1),
        ("status", "started", 2),
        ("progress", "in_progress", 2),
        ("completed", None, 2),
    ]
    snapshot = await watcher.snapshot(job_id)
    assert await watcher.log.checkpoints.find(job_id) is None
    assert (snapshot.status, snapshot.attempt, snapshot.result) == ("completed", 2, {"page": 7})
