"""React's hooks and the progress bars in a real browser, at a real server."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome

from support.front_end import FrontEnd, js_module
from support.live import Live, StartLive
from support.ports import free_port
from support.waiting import wait_until_blocking

JOBS: Final[dict[str, list[dict[str, object]]]] = {
    "queued": [{"type": "status", "status": "queued"}],
    "running": [{"type": "progress", "progress": 0.42, "message": "frame 420 of 1000"}],
    "unknown": [{"type": "status", "status": "running", "message": "Counting frames"}],
    "retrying": [
        {"type": "progress", "progress": 0.3, "attempt": 1},
        {"type": "status", "status": "retrying", "attempt": 2, "message": "ffmpeg was killed"},
    ],
    "stalled": [
        {"type": "progress", "progress": 0.6},
        {"type": "status", "status": "stalled"},
    ],
    "done": [{"type": "completed", "result": {"url": "/out.mp4"}}],
    "failed": [
        {"type": "progress", "progress": 0.8},
        {"type": "error", "error": "No space left on the device"},
    ],
    "cancelled": [{"type": "status", "status": "cancelled"}],
    "nothing": [],
}


def publish(live: Live, topic: str, **event: object) -> None:
    """Publish one event over HTTP."""
    topics = {"topics": topic.split(",")} if "," in topic else {"topic": topic}
    httpx.post(f"{live.url}/api/v1/events", json={**topics, **event}).raise_for_status()


def readers(live: Live) -> int:
    """How many connections the server has."""
    answer = httpx.get(f"{live.url}/api/v1/ws/connections").raise_for_status().json()
    return int(answer["total_connections"])


class Page:
    """A page of the front end, and what is in it."""

    def __init__(
        self, browser: Chrome, address: str, live: Live, project: str, **more: str
    ) -> None:
        self._browser = browser
        query = {"api": live.url, "project": project, **more}
        browser.get(f"{address}?{urlencode(query)}")

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what it returns
        return self._browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent", selector))

    def wait_for(self, selector: str, text: str) -> None:
        wait_until_blocking(
            lambda: text in self.text(selector),
            f"{selector} never had {text!r}",
        )

    def bars(self) -> list[dict[str, str]]:
        """What is said of each bar, in the page and in custom elements."""
        found: list[dict[str, str]] = self.run("""
          const elements = [...document.querySelectorAll("streamer-progress")];
          const roots = [document, ...elements.map((one) => one.shadowRoot)];
          const bars = roots.flatMap((root) => [...root.querySelectorAll("[role=progressbar]")]);
          return bars.map((bar) => ({
            label: bar.getAttribute("aria-label"),
            value: bar.getAttribute("aria-valuenow"),
            words: bar.getAttribute("aria-valuetext"),
            alert: bar.parentNode.querySelector("[role=alert]").textContent,
            link: bar.parentNode.querySelector("[part=link] bdi").textContent.trim(),
            said: bar.parentNode.querySelector("[role=status]").textContent,
          }));
        """)
        return found

    def prefer(self, features: dict[str, str], direction: str) -> None:
        """Prefer what CSS may ask for, in a page of that direction."""
        known = {"prefers-color-scheme": "light", "forced-colors": "none"} | features
        media = [{"name": name, "value": value} for name, value in known.items()]
        self._browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.run("document.documentElement.dir = arguments[0]", direction)

    def resize(self, width: int) -> None:
        """Make the page so wide, in CSS pixels."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(self, name: str) -> None:
        """Keep what is seen, where STREAMER_SCREENSHOTS names a directory."""
        if directory := os.environ.get("STREAMER_SCREENSHOTS"):
            whole = {"captureBeyondViewport": True}
            picture = self._browser.execute_cdp_cmd("Page.captureScreenshot", whole)
            Path(directory, f"{name}.png").write_bytes(base64.b64decode(picture["data"]))

    def violations(self) -> list[str]:
        """What axe-core finds wrong."""
        self.run(js_module("axe-core/axe.min.js").read_text())
        found = self._browser.execute_async_script(
            "const done = arguments[0]; axe.run().then(({violations}) => done(violations))"
        )
        return [json.dumps(one, indent=1) for one in found]


@pytest.fixture
def live(start_live: StartLive) -> Live:
    """A server that pages of other origins may use."""
    return start_live(STREAMER_ALLOWED_ORIGINS="*")


@pytest.mark.parametrize("react", [18, 19])
def test_a_studio_for_the_older_hook_runs_with_another_import(
    browser: Chrome,
    front_end: FrontEnd,
    live: Live,
    project: str,
    react: int,
) -> None:
    """Each event calls back once, and StrictMode's double mount is one connection."""
    page = Page(browser, front_end("studio", react), live, project)
    page.wait_for("#connection", "true false 0")
    assert readers(live) == 1
    topic = f"projects/{project}"
    for n in range(1, 5):
        publish(live, topic, type="progress", progress=n / 8, message=f"part {n}", job_id="j")
    page.wait_for("#line", "50: part 4")
    wait_until_blocking(lambda: page.bars()[0]["value"] == "50", "the bar did not move")
    publish(live, topic, type="completed", result={"url": "/out.mp4"}, job_id="j")
    page.wait_for("#line", "completed")
    calls = page.run("return window.calls")
    assert calls["progress"] == [[n / 8, f"part {n}"] for n in range(1, 5)]
    assert calls["completed"] == calls["bar"] == [{"url": "/out.mp4"}]
    assert len(calls["messages"]) == len(set(calls["messages"])) == 5
    publish(live, topic, type="error", error="no space", job_id="k")
    page.wait_for("#line", "no space")
    assert page.run("return window.calls.errors") == ["no space"]
    assert readers(live) == 1
    assert page.text(".studio-bar [part=link]").startswith("Connected")


def test_a_studio_goes_on_when_its_server_is_back(
    browser: Chrome,
    front_end: FrontEnd,
    live: Live,
    project: str,
) -> None:
    """It says that the connection is lost, counts the attempts, and misses nothing."""
    page = Page(browser, front_end("studio"), live, project)
    page.wait_for("#connection", "true false 0")
    publish(live, f"projects/{project}", type="progress", progress=0.1, message="a")
    page.wait_for("#line", "10: a")
    live.kill()
    page.wait_for(".studio-bar [part=link]", "Connection lost")
    page.wait_for("#connection", "false false")
    assert page.violations() == []
    live.start()
    publish(live, f"projects/{project}", type="progress", progress=0.2, message="b")
    page.wait_for("#line", "20: b")
    page.wait_for("#connection", "true false 0")
    assert page.run("return window.calls.progress") == [[0.1, "a"], [0.2, "b"]]
    page.wait_for(".studio-bar [part=said]", "Progress: Running")


def test_a_studio_that_asks_for_no_attempt_and_no_fallback_gives_up(
    browser: Chrome, front_end: FrontEnd, live: Live, project: str
) -> None:
    page = Page(browser, front_end("studio"), live, project, auto="false", fallback="false")
    page.wait_for("#connection", "true false 0")
    live.kill()
    page.wait_for("#connection", "false false 0")
    page.wait_for(".studio-bar [part=link]", "Connection lost")
    live.start()
    page.run("document.querySelector('.studio-bar [part=retry]').click()")
    page.wait_for(".studio-bar [part=link]", "Connected")
    assert page.text("#connection") == "false false 0"


def test_a_studio_that_falls_back_looks_for_its_server_at_each_interval(
    browser: Chrome, front_end: FrontEnd, live: Live, project: str
) -> None:
    """As the older hook polled; what came meanwhile is not lost, as it was then."""
    page = Page(browser, front_end("studio"), live, project, auto="false")
    page.wait_for("#connection", "true false 0")
    publish(live, f"projects/{project}", type="progress", progress=0.1, message="a")
    page.wait_for("#line", "10: a")
    live.kill()
    page.wait_for("#connection", "false true 0")
    live.start()
    publish(live, f"projects/{project}", type="progress", progress=0.2, message="b")
    page.wait_for("#connection", "true false 0")
    page.wait_for("#line", "20: b")
    assert page.run("return window.calls.progress") == [[0.1, "a"], [0.2, "b"]]


@pytest.fixture
def unreachable() -> Iterator[dict[str, str]]:
    """A server that accepts and never says a word, and one that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = {"silent": server.getsockname()[1], "dead": free_port()}
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture
def jobs(live: Live, project: str) -> str:
    """The names of jobs in every state."""
    for job, events in JOBS.items():
        for event in events:
            publish(live, f"jobs/{project}-{job},projects/{project}", **event)
    return ",".join(JOBS)


def shown(page: Page) -> Page:
    """The gallery, once all that is known is shown."""
    wait_until_blocking(
        lambda: [bar["words"] for bar in page.bars()].count("100%, Done") == 2,
        "the bars did not show what is known",
    )
    return page


@pytest.mark.parametrize("react", [18, 19])
def test_bars_say_the_same_in_react_and_as_elements(
    browser: Chrome, front_end: FrontEnd, live: Live, project: str, jobs: str, *, react: int
) -> None:
    """Each with its value and its words; all of them, in two tabs, over one connection."""
    address = front_end("gallery", react)
    page = shown(Page(browser, address, live, project, jobs=jobs))
    bars = page.bars()
    words = [(bar["label"], bar["value"], bar["words"], bar["alert"]) for bar in bars]
    half = len(JOBS)
    assert words[:half] == words[half:]
    assert words[:half] == [
        ("Film queued", "0", "0%, Waiting", ""),
        ("Film running", "42", "42%, Running · frame 420 of 1000", ""),
        ("Film unknown", None, "Running · Counting frames", ""),
        ("Film retrying", "30", "30%, Trying again · attempt 2 · ffmpeg was killed", ""),
        ("Film stalled", "60", "60%, Not responding", ""),
        ("Film done", "100", "100%, Done", ""),
        ("Film failed", "80", "80%, Failed", "Failed: No space left on the device"),
        ("Film cancelled", None, "Cancelled", ""),
        ("Film nothing", None, "Not started", ""),
    ]
    assert readers(live) == 1
    assert sorted(page.run("return window.heard")) == [
        ["completed", {"url": "/out.mp4"}],
        ["failed", "No space left on the device"],
    ]
    for n in range(5):
        publish(live, f"projects/{project}", type="note", n=n)
    page.wait_for("#count", "5 3")
    assert page.run("return [window.vue, window.svelte]") == ["running", "running"]
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    shown(Page(browser, address, live, project, jobs=jobs))
    assert readers(live) == 1
    browser.close()
    browser.switch_to.window(first)
    publish(live, f"projects/{project}", type="note", n=5)
    page.wait_for("#count", "6 3")


def test_an_element_speaks_the_language_around_it(
    browser: Chrome, front_end: FrontEnd, live: Live, project: str, jobs: str
) -> None:
    page = shown(Page(browser, front_end("gallery"), live, project, jobs=jobs))
    page.run("""
      document.documentElement.lang = "ko-KR";
      const bars = document.querySelectorAll("streamer-progress");
      for (const bar of bars) bar.removeAttribute("label");
    """)

    def said() -> tuple[str, str]:
        first = page.bars()[len(JOBS)]
        return first["label"], first["words"]

    wait_until_blocking(lambda: said() == ("진행률", "0%, 대기 중"), "it is not in Korean")


#: What a person may prefer, and what the page is like.
MODES: Final[dict[str, dict[str, str]]] = {
    "light": {},
    "dark": {"prefers-color-scheme": "dark"},
    "forced colours": {"forced-colors": "active"},
    "dark forced colours": {"forced-colors": "active", "prefers-color-scheme": "dark"},
    "reduced motion": {"prefers-reduced-motion": "reduce"},
    "right to left": {},
    "narrow": {},
}


def test_no_state_of_a_bar_violates_a_rule_of_accessibility(
    browser: Chrome,
    front_end: FrontEnd,
    live: Live,
    project: str,
    jobs: str,
    *,
    unreachable: dict[str, str],
    subtests: pytest.Subtests,
) -> None:
    """Over any connection, whatever a person prefers; and none is wider than the page."""
    address = front_end("gallery")
    gallery = shown(Page(browser, address, live, project, jobs=jobs, **unreachable))
    connections = [
        "Connected",
        "Connected, slower",
        "Connecting",
        "Connection lost, reconnecting: The server cannot be reached.",
        "",
    ]
    wait_until_blocking(
        lambda: [bar["link"] for bar in gallery.bars()][len(JOBS) :][:5] == connections,
        "the bars did not show how their connections are",
    )
    refused = gallery.bars()[len(JOBS) + 4]["alert"]
    assert refused == "Not connected: No connection after 1 attempts."
    for mode, features in MODES.items():
        with subtests.test(mode):
            gallery.prefer(features, "rtl" if mode == "right to left" else "ltr")
            gallery.resize(360 if mode == "narrow" else 1280)
            gallery.screenshot(mode)
            assert gallery.violations() == []
            assert gallery.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    gallery.prefer({}, "ltr")
    gallery.resize(1280)


@pytest.mark.parametrize("react", [18, 19])
def test_hooks_withstand_people_who_break_things(
    browser: Chrome,
    front_end: FrontEnd,
    live: Live,
    project: str,
    *,
    react: int,
    subtests: pytest.Subtests,
) -> None:
    """Each scenario of the page is as its name says; and bars that come and go leave nothing."""
    page = Page(browser, front_end("breakers", react), live, project)
    wait_until_blocking(lambda: page.run("return !!window.run"), "the page did not load")
    run = "const done = arguments[1]; run(arguments[0]).then(done)"
    for name in page.run("return window.names"):
        with subtests.test(name):
            assert browser.execute_async_script(run, name) == ""
    page.run("for (let n = 0; n < 20; n += 1) { show(6); show(0); } show(6);")
    wait_until_blocking(lambda: readers(live) == 1, "six bars have not one connection")
    page.run("show(0)")
    wait_until_blocking(lambda: readers(live) == 0, "nobody's connection was not closed")
