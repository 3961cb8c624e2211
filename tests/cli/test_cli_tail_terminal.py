"""``streamer tail`` in a real terminal: what is on the screen, and what is left there."""

from __future__ import annotations

import re
import signal

import httpx
import pytest

from support.live import Live, StartLive
from support.ports import free_port
from support.terminal import Terminal
from support.waiting import wait_until_blocking


def post(live: Live, topic: str, event_type: str, **fields: object) -> None:
    body = {"topic": topic, "type": event_type, "task_name": "encode", **fields}
    httpx.post(f"{live.url}/api/v1/events", json=body).raise_for_status()


@pytest.mark.parametrize("options", [[], ["--ws"]], ids=["sse", "websocket"])
@pytest.mark.parametrize("columns", [80, 40])
def test_a_job_is_a_bar_that_moves_and_then_a_line(
    live_server: Live, project: str, columns: int, options: list[str]
) -> None:
    topic = f"jobs/{project}"
    with Terminal("tail", topic, "--url", live_server.url, *options, columns=columns) as terminal:
        terminal.wait_for("nothing at work: jobs/")
        post(live_server, topic, "progress", progress=0.25)
        terminal.wait_for(r"^▸ encode .*━+╸?─+  25%")
        post(live_server, topic, "progress", progress=0.75)
        terminal.wait_for(r"^▸ encode .*━+╸?─+  75%")
        post(live_server, topic, "error", error="no space")
        assert terminal.wait() == 1
        assert terminal.shows_cursor
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d ✗ encode {project[:8]} failed: no\s+space", "\n".join(terminal.rows)
        )


def test_ctrl_c_leaves_the_bars_as_they_are_and_a_clean_terminal(
    live_server: Live, project: str
) -> None:
    """Not even what was typed, which would have moved the cursor."""
    topic = f"jobs/{project}"
    post(live_server, topic, "progress", progress=0.25)
    with Terminal("tail", topic, "--url", live_server.url) as terminal:
        terminal.wait_for(r"  25%")
        terminal.type(b"hello\r\n\x03")
        assert terminal.wait() == 130
        (row,) = terminal.rows
        assert re.fullmatch(rf"▸ encode {project[:8]} ━+─+  25%", row)
        assert terminal.shows_cursor


def test_sigterm_does_too(live_server: Live, project: str) -> None:
    with Terminal("tail", f"jobs/{project}", "--url", live_server.url) as terminal:
        terminal.wait_for("nothing at work")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143
        assert terminal.rows == []
        assert terminal.shows_cursor


def test_a_terminal_that_is_resized_is_drawn_anew(live_server: Live, project: str) -> None:
    with Terminal("tail", f"projects/{project}", "--url", live_server.url) as terminal:
        terminal.wait_for("nothing at work")
        for number in range(40):
            post(live_server, f"projects/{project}", "progress", progress=0.5, job_id=f"{number}")
        terminal.wait_for(r"… and 25 more: 25 running")
        terminal.resize(40, 10)
        wait_until_blocking(
            lambda: len(terminal.rows) == 7 and terminal.rows[-1] == "… and 34 more: 34 running",
            "it was not drawn anew",
        )
        assert max(map(len, terminal.rows)) < 40


def test_colours_can_be_had_without(live_server: Live, project: str) -> None:
    """And say nothing alone: done and left are different lines."""
    topic = f"jobs/{project}"
    post(live_server, topic, "progress", progress=0.5)
    for environ, has in (({"NO_COLOR": "1"}, False), ({}, True)):
        with Terminal("tail", topic, "--url", live_server.url, environ=environ) as terminal:
            terminal.wait_for("━─")
            assert (re.search(rb"\x1b\[[0-9;]*3[0-9]m", terminal.written) is not None) is has


def test_a_server_that_is_not_there_is_named_once_and_waited_for(start_live: StartLive) -> None:
    live = start_live()
    live.stop()
    with Terminal("tail", "jobs/j", "--url", live.url, columns=100) as terminal:
        terminal.wait_for(
            f"^○ nothing listens at {live.url}: is `streamer run` running\\? Trying again.$"
        )
        terminal.wait_for("^○ not connected; trying again$")
        live.start()
        terminal.wait_for(f"^○ {live.url}: connected.$")
        post(live, "jobs/j", "completed")
        assert terminal.wait() == 0
        assert terminal.everything.count("nothing listens") == 1
        assert "not connected" not in "\n".join(terminal.rows)


def test_a_server_elsewhere_is_named_without_a_hint_for_here() -> None:
    with Terminal("tail", "jobs/j", "--url", "http://u:hunter2@nowhere.invalid") as terminal:
        terminal.wait_for(r"^○ http://\*\*\*@nowhere.invalid: its name is not known. Trying again")
        assert "streamer run" not in terminal.everything
        assert "hunter2" not in terminal.everything


def test_without_a_server_on_the_data_directory_the_usual_place_is_tried(tmp_path: object) -> None:
    port = free_port()
    environ = {"STREAMER_PORT": str(port), "STREAMER_DATA_DIR": str(tmp_path)}
    with Terminal("tail", "jobs/j", environ=environ, columns=100) as terminal:
        terminal.wait_for(f"nothing listens at http://127.0.0.1:{port}: is `streamer run` running")
