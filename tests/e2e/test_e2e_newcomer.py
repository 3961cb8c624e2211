"""The README as a newcomer follows it: a job of one's own moves in the browser."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome

from support.documents import EXAMPLE, blocks, file_in
from support.file_server import file_server
from support.live_page import LivePage
from support.processes import Program, streamer
from support.requirements import needs
from support.waiting import wait_until_blocking

README: Final = "README.md"

_BAR: Final = """
const [bar] = document.getElementsByTagName("streamer-progress");
const track = bar.shadowRoot?.querySelector("[role=progressbar]");
return [track?.ariaLabel, track?.ariaValueNow];
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where they are, with an empty `data/` next to what they write."""
    # A socket's path has 107 bytes at most; pytest's own directories are deep.
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        yield Path(name)


@pytest.fixture
def url(directory: Path) -> Iterator[str]:
    """The address of what `streamer run` started there."""
    with streamer("run", "--port", "0", cwd=directory) as program:
        yield program.wait_for(r"ready at (http://\S+)")[1]
        assert program.stop() == 0, str(program)


def commands() -> list[str]:
    """Every line that the README has them type."""
    return [line for block in blocks(README, "sh") for line in block.splitlines()]


def test_a_job_of_ones_own_moves_in_the_browser(browser: Chrome, directory: Path, url: str) -> None:
    """Its file, its two commands, and the page: more than half of its steps are seen."""
    typed = commands()
    assert {"streamer run", "dramatiq job", "python job.py"} <= set(typed)
    job = file_in(README, "job.py")
    assert "/ 10)  # the work" in job
    (directory / "job.py").write_text(job.replace("/ 10)  # the work", "/ 50)"))
    page = LivePage(browser, url, "demo")
    worker: list[str | Path] = [sys.executable, "-m", "dramatiq", "job", "--processes", "1"]
    with Program(worker, cwd=directory) as running:
        running.wait_for("ready for action")
        with Program([sys.executable, "job.py"], cwd=directory) as enqueued:
            assert enqueued.wait() == 0, str(enqueued)
        page.wait_for_job("completed")
        # It has twenty steps; a page draws once a frame.
        shown = page.shown()
        assert page.job("name") == "thumbnails"
        assert "warn" not in running.err.lower(), "a newcomer would wonder what is wrong"
    assert shown == sorted(shown)
    assert len(set(shown)) > 10


def test_what_one_curl_publishes_stands_on_the_page_and_on_a_page_of_ones_own(
    browser: Chrome, directory: Path, url: str
) -> None:
    address = url.removeprefix("http://")
    (publish, *_) = [line for line in commands() if line.startswith("curl -d")]
    page = LivePage(browser, url, "demo")
    with Program(["bash", "-c", publish.replace(EXAMPLE, address)]) as curl:
        assert curl.wait() == 0, needs("curl")
    page.wait_for_progress(50)
    (html,) = blocks(README, "html")
    (directory / "index.html").write_text(html.replace(EXAMPLE, address))
    with file_server(directory) as own:
        browser.get(own)
        wait_until_blocking(
            lambda: browser.execute_script(_BAR) == ["Thumbnails", "50"], "the bar did not show it"
        )
    assert httpx.get(f"{url}/api/v1/projects/demo/status").json()["progress"] == 0.5
