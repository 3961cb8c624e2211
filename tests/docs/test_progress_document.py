"""docs/PROGRESS.md: its programs run, and tell what it says."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import streamer
from streamer.config.settings import Settings
from support.documents import file_in
from support.jobs import JobWatcher, bodies_of
from support.processes import Program

DOCUMENT = "docs/PROGRESS.md"


async def test_its_script_is_a_job_that_tells_all_of_it(
    job_settings: Settings, watcher: JobWatcher
) -> None:
    environ = {
        "STREAMER_REDIS_URL": str(job_settings.redis_url),
        "STREAMER_PREFIX": job_settings.prefix,
    }
    code = file_in(DOCUMENT, "render.py")
    with Program([sys.executable, "-W", "error", "-c", code], environ=environ) as script:
        assert script.wait() == 0, script
    told = await bodies_of(watcher.log, "projects/demo")
    types = {body["type"] for body in told}
    assert types == {"status", "progress", "log", "partial", "completed"}
    last = [body for body in told if body["type"] == "progress"][-1]
    assert (last["progress"], last["metadata"]) == (1.0, {"codec": "h264"})
    assert [body["result"] for body in told if "result" in body][-2:] == [{"seconds": 240}] * 2
    lines = [line["text"] for body in told for line in body.get("lines", [])]
    assert lines == ["all of it is encoded"]
    assert await watcher.log.checkpoints.find(str(told[0]["job_id"])) is None


async def test_its_program_tells_of_the_job_that_runs_it(
    job_settings: Settings, watcher: JobWatcher
) -> None:
    code = file_in(DOCUMENT, "encode.py")
    with streamer.job(
        "encode", redis_url=str(job_settings.redis_url), prefix=job_settings.prefix
    ) as job:
        environ = streamer.progress().environ()
        command = [sys.executable, "-c", code]
        await asyncio.to_thread(subprocess.run, command, env=environ, check=True)
    told = await watcher.bodies(job.id)
    last = [body for body in told if body["type"] == "progress"][-1]
    assert (last["progress"], last["message"]) == (1.0, "encoding")
    assert [line["text"] for body in told for line in body.get("lines", [])] == ["encoded"]
