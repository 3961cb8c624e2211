"""SIGHUP: a closed terminal, or an operator, asks to stop in order; nohup says not to."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import httpx
import pytest

from streamer.config.settings import Settings
from support.live import StartLive
from support.processes import Program, streamer
from support.readers import sse
from support.requirements import needs
from support.servers import Server


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_that_is_hung_up_on_sends_its_readers_elsewhere(
    start_live: StartLive, project: str, workers: str
) -> None:
    """As after SIGTERM, and the exit code is that of an end in order."""
    live = start_live(STREAMER_WORKERS=workers)
    assert live.program is not None
    async with sse(live.url, f"/api/v1/projects/{project}/stream") as stream:
        await stream.has("connected", "caught_up")
        live.program.signal(signal.SIGHUP)
        await stream.has("reconnect")
    assert live.program.wait() == 0


@pytest.mark.parametrize("command", ["serve", "worker", "run"])
def test_what_was_started_with_nohup_outlives_its_terminal(
    redis_server: Server, short_dir: Path, command: str
) -> None:
    """An ignored SIGHUP stays ignored; SIGTERM still ends it."""
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0.2",
        "STREAMER_PORT": "0",
    }
    started = {
        "serve": "Serving at (http://.*)",
        "worker": "running jobs",
        "run": "is ready at (.*)",
    }
    arguments = [needs("nohup"), sys.executable, "-m", "streamer", command]
    with Program(arguments, environ=environ) as program:
        match = program.wait_for(started[command])
        program.signal(signal.SIGHUP)
        if command != "worker":
            assert httpx.get(f"{match[1]}/healthz").status_code == 200
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


@pytest.mark.parametrize("command", ["worker", "run"])
def test_a_hangup_ends_a_worker_and_a_run_in_order(
    redis_server: Server, short_dir: Path, command: str
) -> None:
    """With code 0."""
    environ = Settings(
        redis_url=redis_server.url, data_dir=short_dir, port=0, drain_seconds=0.2
    ).to_env()
    started = {"worker": "running jobs", "run": "is ready"}
    with streamer(command, environ=environ) as program:
        program.wait_for(started[command])
        program.signal(signal.SIGHUP)
        assert program.wait() == 0
