"""React's hooks and the progress bars in a real browser, at a real server."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome

from support.front_end import FrontEnd, js_module
from support.live import Live, StartLive
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
            said: bar.parentNode.querySelector("[role=status]").textContent,
          }));
        """)
        return found

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
    wait_until_blocking(lambda: "Connected" in page.bars()[0]["said"], "it was not said")


def test_a_studio_that_asks_for_no_attempt_gives_up(
    browser: Chrome, front_end: FrontEnd, live: Live, project: str
) -> None:
    page = Page(browser, front_end("studio"), live, project, auto="false")
    page.wait_for("#connection", "true false 0")
    live.kill()
    page.wait_for("#connection", "false false 0")


@pytest.fixture
def gallery(
    browser: Chrome,
    front_end: FrontEnd,
    live: Live,
    project: str,
) -> Page:
    """Bars of jobs in every state."""
    for job, events in JOBS.items():
        for event in events:
            publish(live, f"jobs/{project}-{job},projects/{project}", **event)
    page = Page(browser, front_end("gallery"), live, project, jobs=",".join(JOBS))
    wait_until_blocking(
        lambda: [bar["words"] for bar in page.bars()].count("100%, Done") == 2,
        "the bars did not show what is known",
    )
    return page


def test_bars_say_the_same_in_react_and_as_elements(
    gallery: Page, live: Live, project: str
) -> None:
    """Each with its value and its words; all of them over one connection."""
    bars = gallery.bars()
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
    assert sorted(gallery.run("return window.heard")) == [
        ["completed", {"url": "/out.mp4"}],
        ["failed", "No space left on the device"],
    ]
    for n in range(5):
        publish(live, f"projects/{project}", type="note", n=n)
    gallery.wait_for("#count", "5 3")
    assert gallery.run("return [window.vue, window.svelte]") == ["running", "running"]


def test_an_element_speaks_the_language_around_it(gallery: Page) -> None:
    gallery.run("""
      document.documentElement.lang = "ko-KR";
      const bars = document.querySelectorAll("streamer-progress");
      for (const bar of bars) bar.removeAttribute("label");
    """)

    def said() -> tuple[str, str]:
        first = gallery.bars()[len(JOBS)]
        return first["label"], first["words"]

    wait_until_blocking(lambda: said() == ("진행률", "0%, 대기 중"), "it is not in Korean")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_state_of_a_bar_violates_a_rule_of_accessibility(
    gallery: Page, browser: Chrome, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert gallery.violations() == []
    features[0]["value"] = "light"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
