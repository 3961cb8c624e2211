"""A large upload of the page in Chromium, over a line that is cut."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from support.live_page import LivePage
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until_blocking

#: Bytes that the file is at least.
SIZE: Final = 200_000_000
#: Counts how often the upload had to wait for the line.
_COUNT: Final = """
window.waits = 0;
new MutationObserver(() => {
  if (document.getElementById("upload").dataset.state === "waiting") window.waits += 1;
}).observe(document.getElementById("upload"), { attributeFilter: ["data-state"] });
"""


def padded(clip: Path, directory: Path) -> Path:
    """The clip, followed by a box of type ``free``, which players skip."""
    file = directory / "large.mp4"
    with file.open("wb") as target:
        target.write(clip.read_bytes())
        target.write(SIZE.to_bytes(4, "big") + b"free")
        target.truncate(target.tell() + SIZE - 8)
    return file


def has_sent(page: LivePage, percent: int) -> bool:
    """Whether the bar says that the server has so much."""
    bar = page.browser.find_element(By.ID, "upload-bar")
    return int(bar.get_attribute("aria-valuenow") or 0) >= percent


def test_200_mb_that_are_cut_twice_and_paused_once_arrive_whole(
    browser: Chrome, everything: str, project: str, clip: Path, tmp_path: Path
) -> None:
    """Nothing is sent again but the piece that was on its way, and a watcher sees no step back."""
    with TcpProxy(("127.0.0.1", urlsplit(everything).port or 0)) as line:
        page = LivePage(browser, line.url, project)
        page.open("new")
        page.fill(project=project)
        page.run(_COUNT)
        browser.find_element(By.ID, "file").send_keys(str(padded(clip, tmp_path)))
        for cuts, percent in enumerate((10, 60), start=1):
            wait_until_blocking(partial(has_sent, page, percent), f"never at {percent} %")

            def hit(cuts: int = cuts) -> bool:
                """Cut again what was between two pieces: that nobody notices."""
                line.cut(reset=cuts == 1)
                return int(page.run("return window.waits")) >= cuts

            wait_until_blocking(hit, "no cut met a piece")
        browser.find_element(By.ID, "upload-pause").click()
        wait_until_blocking(
            lambda: page.text("upload-said").startswith("Paused at "), "it was not paused"
        )
        browser.find_element(By.ID, "upload-pause").click()
        wait_until_blocking(
            lambda: page.text("upload-said") == "Uploaded",
            "it was not uploaded",
        )
        wait_until_blocking(
            lambda: page.run("return document.getElementById('source').value") != "sample",
            "it was not offered as a source",
        )
    events = httpx.get(f"{everything}/api/v1/projects/{project}/events?limit=1000").json()
    told = [event["progress"] for event in events["events"] if event["type"] == "progress"]
    assert told == sorted(told)
    result = events["events"][-1]["result"]
    assert result["size"] == SIZE + clip.stat().st_size
