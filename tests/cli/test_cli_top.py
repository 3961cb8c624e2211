"""``streamer top``: all server processes, as each says how it does."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from support.live import Live
from support.ports import free_port
from support.processes import streamer
from support.terminal import Terminal
from support.waiting import wait_until_blocking


def call(*arguments: str, **environ: str) -> Result:
    given = {"COLUMNS": "1000", "STREAMER_DATA_DIR": "/nowhere", **environ}
    return CliRunner().invoke(main, ["top", *arguments], env=given)


def sample(way: dict[str, str]) -> dict[str, Any]:
    result = call("--once", **way)
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = msgspec.json.decode(line)
    return found


@pytest.fixture(params=["http", "log"])
def way(request: pytest.FixtureRequest, live_server: Live) -> dict[str, str]:
    """The environment of a shell: one that names the server, and one that names its log."""
    if request.param == "http":
        return {"STREAMER_URL": live_server.url}
    return {name: live_server.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")}


def test_a_sample_has_what_every_process_says(
    live_server: Live, project: str, way: dict[str, str]
) -> None:
    topic = f"jobs/{project}"
    url = f"{live_server.url}/api/v1"
    progress = {"type": "progress", "topic": topic, "task_name": "encode", "progress": 0.5}
    with httpx.stream("GET", f"{url}/stream", params={"topic": topic}) as stream:
        assert stream.is_success
        httpx.post(f"{url}/events", json=progress).raise_for_status()
        found: dict[str, Any] = {}

        def is_there() -> bool:
            found.update(sample(way))
            return bool(found["topics"].get(topic) and found["readers"].get("sse"))

        wait_until_blocking(is_there, "the reader was not counted")
    (process,) = found["processes"]
    assert process["version"]
    assert process["log_ms"] > 0
    assert (process["log_up"], process["follows"], process["draining"]) == (True, False, False)
    assert found["readers"]["sse"]["live"] >= 1
    assert found["jobs"]["by_state"]["running"] >= 1
    assert found["log_up"]


def test_in_a_terminal_it_is_drawn_again_and_ctrl_c_ends_it(
    live_server: Live, project: str
) -> None:
    url = live_server.url
    with Terminal("top", "--url", url, "--every", "0.5", columns=80) as terminal:
        terminal.wait_for(r"^streamer top  1 process ")
        terminal.wait_for(r"^log      heard by all, \d+\.\d ms away")
        params = {"topic": f"projects/{project}"}
        with httpx.stream("GET", f"{url}/api/v1/stream", params=params):
            terminal.wait_for(rf"^projects/{project} +1")
            terminal.wait_for(r"^readers  \d+  \d+ live  \(\d+ sse")
        terminal.type(b"\x03")
        assert terminal.wait() == 130
        assert terminal.shows_cursor


def test_in_a_pipe_each_sample_is_a_line_and_a_server_that_is_not_there_is_said(
    live_server: Live,
) -> None:
    with streamer("top", "--url", live_server.url, "--every", "0.5") as program:
        wait_until_blocking(lambda: len(program.out.splitlines()) > 1, "it gave one sample")
    url = f"http://127.0.0.1:{free_port()}"
    refused = call("--once", STREAMER_URL=url)
    assert refused.exit_code == 1
    assert f"no server answers at {url}:" in " ".join(refused.stderr.split())
