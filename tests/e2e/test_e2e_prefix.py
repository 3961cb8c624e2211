"""The page beneath a prefix that only the proxy knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome

from support.live import StartLive
from support.live_page import LivePage
from support.nginx import nginx_before


@pytest.fixture
def beneath(start_live: StartLive, short_dir: Path) -> Iterator[str]:
    """The address of a server that nginx has under ``/live``."""
    live = start_live()
    output = short_dir / "output"
    output.mkdir(exist_ok=True)
    (output / "clip.txt").write_text("made by a job")
    with nginx_before((live.port, live.port), short_dir, "/live") as url:
        yield url


@pytest.mark.parametrize("address", ["{url}/#projects/{project}", "{url}#projects/{project}"])
@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_the_page_works_beneath_a_prefix(
    browser: Chrome, beneath: str, project: str, address: str, transport: str
) -> None:
    """With a slash at the end of its address and without; results are beneath it, too."""
    page = LivePage(browser, beneath, project, address=address)
    page.use(transport)
    page.wait_until_live()
    body = {"type": "completed", "task_name": "t", "result": {"url": "/files/clip.txt"}}
    events = f"{beneath}/api/v1/projects/{project}/events"
    assert httpx.post(events, json=body).status_code == 201
    page.open(f"projects/{project}:t")
    page.wait_for_job("completed")
    link = page.run("return document.querySelector('.job [data-part=result]').href")
    assert link == f"{beneath}/files/clip.txt"
    assert httpx.get(link).text == "made by a job"
    assert page.text("code").endswith(f"{beneath}/api/v1/projects/{project}/stream")
    for kind in ("tail", "browser", "python", "react"):
        page.choose("elsewhere", kind)
        assert beneath in page.text("code"), kind
