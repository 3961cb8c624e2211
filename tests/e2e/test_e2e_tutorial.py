"""docs/TUTORIAL.md: whoever follows it sees what it says, from the first command to the page."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome

from support.console import Console, shown_in
from support.documents import EXAMPLE, blocks, file_in
from support.file_server import file_server
from support.processes import Program, streamer
from support.requirements import needs
from support.waiting import wait_until_blocking

TUTORIAL: Final = "docs/TUTORIAL.md"

_BAR: Final = """
const [bar] = document.getElementsByTagName("streamer-progress");
const track = bar.shadowRoot?.querySelector("[role=progressbar]");
return [track?.ariaValueNow, document.querySelector("#log").textContent.includes('"connected"')];
"""


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one, in which `python` and `streamer` are those of the tests."""
    for program in ("curl", "jq"):
        needs(program)
    # A socket's path has 107 bytes at most; pytest's own directories are deep.
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        path = Path(name)
        for command, does in (("python", ""), ("streamer", " -m streamer")):
            shim = path / "bin" / command
            shim.parent.mkdir(exist_ok=True)
            shim.write_text(f'#!/bin/sh\nexec {sys.executable}{does} "$@"\n')
            shim.chmod(0o755)
        monkeypatch.setenv("PATH", str(path / "bin"), prepend=os.pathsep)
        yield path


def test_every_step_shows_what_the_tutorial_says(browser: Chrome, directory: Path) -> None:
    for name in ("encode.py", "tasks.py", "index.html"):
        (directory / name).write_text(file_in(TUTORIAL, name))
    (install, run), queue = (block.splitlines() for block in _two_liners())
    assert (install, run) == ("pip install streamer-sse", "streamer run")
    with streamer("run", "--port", "0", cwd=directory) as program:
        url = program.wait_for(r"ready at (http://\S+)")[1]
        session = shown_in(TUTORIAL)
        assert len(session) == 7
        Console(directory, int(url.rpartition(":")[2])).run(session)
        _a_queue(directory, url, queue)
        page = (directory / "index.html").read_text()
        (directory / "index.html").write_text(page.replace(EXAMPLE, url.removeprefix("http://")))
        with file_server(directory) as own:
            browser.get(own)
            wait_until_blocking(
                lambda: browser.execute_script(_BAR) == ["100", True],
                "the page did not show the bar and the stream",
            )
            browser.get("about:blank")
        assert program.stop() == 0, str(program)


def _two_liners() -> list[str]:
    return [block for block in blocks(TUTORIAL, "sh") if len(block.splitlines()) == 2]


def _a_queue(directory: Path, url: str, commands: list[str]) -> None:
    """A worker does the job that the tutorial sends."""
    worker, send = commands
    assert worker == "dramatiq tasks"
    command: list[str | Path] = [sys.executable, "-m", "dramatiq", "tasks", "--processes", "1"]
    with Program(command, cwd=directory) as running:
        running.wait_for("ready for action")
        with Program(["bash", "-c", send], cwd=directory) as sent:
            assert sent.wait() == 0, str(sent)
        wait_until_blocking(
            lambda: httpx.get(f"{url}/api/v1/projects/demo/status").json()["result"] == 3,
            "the worker did not do the job",
        )
