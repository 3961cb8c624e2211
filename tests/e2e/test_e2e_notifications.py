"""The bell and its hook in a real browser, at a real server."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.front_end import FrontEnd, js_module
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

SECRET: Final = "0123456789abcdef" * 2
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "NOTIFICATIONS.md"
BELL: Final = "[data-streamer-bell] > button"


def tell(live: Live, event_type: str = "invited", user: str = "7", **fields: Any) -> str:  # noqa: ANN401 - any JSON
    """Notify a user; the id."""
    body = {"topic": f"users/{user}", "type": event_type, **fields}
    headers = {}
    if "STREAMER_AUTH_SECRET" in live.environ:
        platform = Grants("platform", publish=Patterns(["users/*"]))
        headers = {"Authorization": f"Bearer {Issuer(SECRET).issue(platform, 3600.0)}"}
    answer = httpx.post(f"{live.url}/api/v1/events", json=body, headers=headers)
    return str(answer.raise_for_status().json()["id"])


def finished(live: Live, title: str, **more: Any) -> str:  # noqa: ANN401 - likewise
    return tell(live, "transcode_complete", video_id="v1", title=title, **more)


class Page:
    """A page with a bell."""

    def __init__(self, browser: Chrome, address: str, live: Live, **more: str) -> None:
        self.browser: Final = browser
        query = {"api": live.url, "reader": "7", **more}
        browser.get(f"{address}?{urlencode(query)}")

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what it returns
        return self.browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        script = "return document.querySelector(arguments[0])?.textContent ?? ''"
        return str(self.run(script, selector))

    def shows(self, selector: str, text: str) -> None:
        """Wait until the first such element has just that text."""
        wait_until_blocking(
            lambda: self.text(selector) == text,
            f"{selector} was {self.text(selector)!r}, never {text!r}",
        )

    def label(self) -> str:
        return str(self.run(f"return document.querySelector('{BELL}')?.ariaLabel"))

    def is_named(self, label: str) -> None:
        """Wait until the bell is called that, for people who hear it."""
        wait_until_blocking(
            lambda: self.label() == label, f"the bell was {self.label()!r}, never {label!r}"
        )

    def press(self, selector: str) -> None:
        self.browser.find_element(By.CSS_SELECTOR, selector).click()

    def items(self) -> list[str]:
        """What is listed, an unread one with a star."""
        script = """
          return [...document.querySelectorAll("[part=item]")].map((one) =>
            one.querySelector("[part=text]").textContent + ("unread" in one.dataset ? "*" : ""));
        """
        return list(self.run(script))

    def lists(self, *items: str) -> None:
        wait_until_blocking(
            lambda: self.items() == [*items], f"it listed {self.items()}, never {items}"
        )

    def focused(self) -> str:
        return str(self.run("return document.activeElement.getAttribute('part')"))

    def violations(self) -> list[str]:
        """What axe-core finds wrong."""
        self.run(js_module("axe-core/axe.min.js").read_text())
        found = self.browser.execute_async_script(
            "const done = arguments[0]; axe.run().then(({violations}) => done(violations))"
        )
        return [json.dumps(one, indent=1) for one in found]

    def look(self, *, dark: bool = False, width: int = 1280, forced: bool = False) -> None:
        """Be a page of that colour and width."""
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "forced-colors": "active" if forced else "none",
        }
        media = [{"name": name, "value": value} for name, value in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(self, name: str) -> None:
        """Keep what is seen, where STREAMER_SCREENSHOTS names a directory."""
        if directory := os.environ.get("STREAMER_SCREENSHOTS"):
            picture = self.browser.execute_cdp_cmd("Page.captureScreenshot", {})
            Path(directory, f"bell {name}.png").write_bytes(base64.b64decode(picture["data"]))


@pytest.fixture
def live(start_live: StartLive) -> Live:
    """A server that pages of other origins may use, and that asks nobody."""
    return start_live(STREAMER_ALLOWED_ORIGINS="*")


@pytest.fixture
def plain(browser: Chrome) -> Iterator[Chrome]:
    """A browser that is light and wide again afterwards."""
    yield browser
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    metrics = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize("react", [18, 19])
def test_a_bell_counts_lists_and_marks_and_is_told_of_other_devices(
    browser: Chrome, front_end: FrontEnd, live: Live, react: int
) -> None:
    """StrictMode's double mount is one connection."""
    first = finished(live, "Cats")
    page = Page(browser, front_end("notifications", react), live)
    page.is_named("Notifications, 1 unread")
    page.shows("#state", "true 1")
    assert httpx.get(f"{live.url}/api/v1/ws/stats").json()["total_user_connections"] == 1
    tell(live, "transcode_failed", video_id="v2", title="Dogs", error="no space")
    page.is_named("Notifications, 2 unread")
    page.shows("[part=badge]", "2")
    page.shows("[part=said]", "Dogs could not be transcoded: no space 2 unread")
    page.press(BELL)
    page.lists("Dogs could not be transcoded: no space*", "Cats is ready.*")
    seen = {"cursor": first, "reader": "7"}
    httpx.post(f"{live.url}/api/v1/notifications/read", json=seen).raise_for_status()
    page.lists("Dogs could not be transcoded: no space*", "Cats is ready.")
    page.is_named("Notifications, 1 unread")
    page.press("[part=mark]")
    page.is_named("Notifications")
    page.lists("Dogs could not be transcoded: no space", "Cats is ready.")
    assert page.text("[part=badge]") == ""
    listed = httpx.get(f"{live.url}/api/v1/notifications?reader=7").json()
    assert listed["unread"] == 0


def test_older_ones_are_shown_on_demand(browser: Chrome, front_end: FrontEnd, live: Live) -> None:
    for n in range(7):
        tell(live, "system_message", message=f"Message {n}")
        tell(live, "transcode_progress", video_id="v1", progress=n, status="processing")
    page = Page(browser, front_end("notifications"), live)
    page.is_named("Notifications, 7 unread")
    page.press(BELL)
    page.lists(*(f"Message {n}*" for n in range(6, 1, -1)))
    page.press("[part=more]")
    page.lists(*(f"Message {n}*" for n in range(6, -1, -1)))
    assert page.run("return document.querySelector('[part=more]')") is None


def test_an_older_app_has_all_that_its_context_had(
    browser: Chrome, front_end: FrontEnd, live: Live
) -> None:
    """With the address of its WebSocket: its messages with their fields, progress by video."""
    url = {"api": f"{live.ws_url}/api/v1/ws?user_id=7", "reader": "7"}
    page = Page(browser, front_end("notifications"), live, **url)
    page.shows("#state", "true 0")
    told: dict[str, Any] = {
        "video_id": "v1",
        "status": "processing",
        "progress": 45,
        "message": "half way",
    }
    tell(live, "transcode_progress", **told)
    page.shows("#videos", "v1: 45 % processing half way")
    complete: dict[str, Any] = {"title": "Cats", "format_type": "hls", "file_size": 1}
    tell(live, "transcode_complete", video_id="v1", **complete)
    page.shows("#videos", "v1: 100 % completed ")
    page.shows("#state", "true 1")
    heard = page.run("return window.heard.filter(({video_id}) => video_id)")
    names = {"type", "timestamp"}
    assert {**told, "type": "transcode_progress"}.items() <= heard[0].items()
    assert names <= heard[0].keys()
    assert {**complete, "type": "transcode_complete", "video_id": "v1"}.items() <= heard[1].items()
    page.run("window.sendMessage('get_stats')")
    wait_until_blocking(
        lambda: page.run("return window.heard.at(-1)?.total_users") == 1, "no statistics came"
    )
    page.press("#all")
    page.shows("#state", "true 0")
    listed = httpx.get(f"{live.url}/api/v1/notifications?reader=7").json()
    assert listed["unread"] == 0


def test_a_token_says_whose_they_are(
    browser: Chrome, front_end: FrontEnd, start_live: StartLive
) -> None:
    live = start_live(STREAMER_ALLOWED_ORIGINS="*", STREAMER_AUTH_SECRET=SECRET)
    finished(live, "Cats")
    tell(live, user="8")
    token = Issuer(SECRET).issue(Grants("7"), 3600.0)
    address = front_end("notifications")
    page = Page(browser, address, live, token=token)
    page.is_named("Notifications, 1 unread")
    page = Page(browser, address, live, reader="8", token=token)
    page.is_named("Notifications")
    page.press(BELL)
    wait_until_blocking(lambda: "somebody else" in page.text("[part=link]"), "nothing was said")
    assert page.violations() == []


def test_while_the_stream_is_down_it_looks_and_says_so(
    browser: Chrome, front_end: FrontEnd, live: Live
) -> None:
    """What is marked meanwhile is marked when the server is back, and what came is there."""
    finished(live, "Cats")
    page = Page(browser, front_end("notifications"), live)
    page.is_named("Notifications, 1 unread")
    page.press(BELL)
    live.kill()
    page.shows("#state", "false 1")
    wait_until_blocking(
        lambda: page.text("[part=link] span").startswith("Connection lost"), "it did not say so"
    )
    page.press("[part=mark]")
    page.shows("#state", "false 0")
    assert page.violations() == []
    page.screenshot("without a connection")
    live.start()
    finished(live, "Dogs")
    page.shows("#state", "true 1")
    page.lists("Dogs is ready.*", "Cats is ready.")


def test_it_is_used_with_the_keyboard_alone(
    browser: Chrome, front_end: FrontEnd, live: Live
) -> None:
    """Escape leads back to the bell; whoever goes on with Tab closes the list behind them."""
    ids = [finished(live, title) for title in ("Cats", "Dogs")]
    page = Page(browser, front_end("notifications"), live, choose="yes")
    page.is_named("Notifications, 2 unread")
    keys = page.browser.switch_to.active_element

    def press(key: str) -> None:
        page.browser.switch_to.active_element.send_keys(key)

    keys.send_keys(Keys.TAB)
    assert page.focused() == "bell"
    press(Keys.ENTER)
    assert page.focused() == "panel"
    press(Keys.ESCAPE)
    assert (page.focused(), page.items()) == ("bell", [])
    press(Keys.SPACE)
    press(Keys.TAB)
    assert page.focused() == "mark"
    press(Keys.TAB)
    press(Keys.TAB)
    assert page.focused() == "text"
    press(Keys.TAB)
    press(Keys.ENTER)
    page.lists("Dogs is ready.*", "Cats is ready.")
    assert page.run("return window.chosen") == [ids[0]]
    press(Keys.TAB)
    wait_until_blocking(lambda: page.items() == [], "it was left open")


def test_it_closes_for_whoever_presses_elsewhere_and_leaves_nothing(
    browser: Chrome, front_end: FrontEnd, live: Live
) -> None:
    finished(live, "Cats")
    page = Page(browser, front_end("notifications"), live)
    page.is_named("Notifications, 1 unread")
    page.press(BELL)
    page.lists("Cats is ready.*")
    page.press("h2:not([part])")
    wait_until_blocking(lambda: page.items() == [], "it was left open")
    page.press(BELL)
    page.run("window.show(false)")
    wait_until_blocking(lambda: page.items() == [], "it was left")


def users(live: Live) -> int:
    """How many connections users have."""
    answer = httpx.get(f"{live.url}/api/v1/ws/stats").raise_for_status().json()
    return int(answer["total_user_connections"])


def test_a_provider_that_comes_and_goes_and_is_anothers_leaves_nothing(
    browser: Chrome, front_end: FrontEnd, live: Live
) -> None:
    """Also while it asks; whose notifications were shown before, nobody sees then."""
    tell(live, message="for 7")
    tell(live, user="8", message="for 8")
    page = Page(browser, front_end("notifications"), live)
    page.is_named("Notifications, 1 unread")
    page.press(BELL)
    page.lists("for 7*")
    page.run("window.setReader('8')")
    page.lists("for 8*")
    page.run("for (let n = 0; n < 20; n += 1) window.setReader(`${n}`); window.setReader('8')")
    page.lists("for 8*")
    wait_until_blocking(lambda: users(live) == 1, "there is not one connection")
    page.run("for (let n = 0; n < 20; n += 1) { window.draw(false); window.draw(true); }")
    page.is_named("Notifications, 1 unread")
    page.run("for (let n = 0; n < 20; n += 1) window.draw(!!(n % 2)); window.draw(false)")
    wait_until_blocking(lambda: users(live) == 0, "a connection was left")
    assert page.text("main") == ""


@pytest.mark.parametrize(
    ("lang", "label", "said"),
    [
        ("ko", "알림, 읽지 않음 1개", "Cats 변환이 완료되었습니다."),
        ("zh", "通知, 1 条未读", "Cats 已转码完成。"),
    ],
)
def test_it_speaks_other_languages(
    browser: Chrome, front_end: FrontEnd, live: Live, *, lang: str, label: str, said: str
) -> None:
    finished(live, "Cats")
    page = Page(browser, front_end("notifications"), live, lang=lang)
    page.is_named(label)
    page.press(BELL)
    page.lists(f"{said}*")
    page.screenshot(lang)


def test_what_the_document_shows_in_react_runs(
    browser: Chrome, front_end: FrontEnd, live: Live, tmp_path: Path
) -> None:
    (example,) = re.findall(r"```jsx\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    entry = tmp_path / "document.jsx"
    entry.write_text(f"""
      import React from "react";
      import {{ createRoot }} from "react-dom/client";
      {example}
      const url = new URLSearchParams(location.search).get("api");
      const studio = <Studio url={{url}} fetchToken={{() => null}} />;
      createRoot(document.getElementById("root")).render(studio);
    """)
    page = Page(browser, front_end(entry), live)
    page.is_named("Notifications")
    wait_until_blocking(
        lambda: httpx.get(f"{live.url}/api/v1/ws/stats").json()["total_users"], "nobody looked"
    )
    tell(live, "transcode_progress", user="anybody", video_id="v1", progress=45, message="on")
    page.shows("p", "v1: 45 % on")
    tell(live, user="anybody", message="Come in")
    page.press(BELL)
    page.lists("Come in*")


def test_no_state_of_it_violates_a_rule_of_accessibility(
    plain: Chrome, front_end: FrontEnd, live: Live, subtests: pytest.Subtests
) -> None:
    """Light, dark, in forced colours and narrow; empty, and with a list; and none is too wide."""
    address = front_end("notifications")
    empty = Page(plain, address, live, reader="8")
    empty.shows("#state", "true 0")
    empty.press(BELL)
    empty.shows("[part=none]", "No notifications yet.")
    assert empty.violations() == []
    empty.screenshot("empty")
    for n in range(3):
        finished(live, f"Holiday by the sea, part {n}")
    tell(live, "system_message", message="Back at 8", level="warning")
    tell(live, "transcode_failed", video_id="v9", title="Dogs", error="no space left on device")
    done = httpx.get(f"{live.url}/api/v1/notifications?reader=7").json()["notifications"][3]["id"]
    seen = {"cursor": done, "reader": "7"}
    httpx.post(f"{live.url}/api/v1/notifications/read", json=seen).raise_for_status()
    for _ in range(120):
        finished(live, "Cats")
    for choose in ("", "yes"):
        page = Page(plain, address, live, choose=choose)
        page.is_named("Notifications, 99+ unread")
        page.shows("[part=badge]", "99+")
        page.press(BELL)
        for mode, look in {
            "light": {},
            "dark": {"dark": True},
            "forced": {"forced": True},
            "narrow": {"width": 360},
            "narrow dark": {"width": 360, "dark": True},
        }.items():
            with subtests.test(f"{mode} {choose}"):
                page.look(**look)  # type: ignore[arg-type]
                page.screenshot(f"{mode}{choose}")
                assert page.violations() == []
                assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
        page.look()
