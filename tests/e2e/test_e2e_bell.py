"""The bell of the page, in a real browser, at a real server."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking

SECRET: Final = "0123456789abcdef" * 2


def token_of(subject: str, *publish: str) -> str:
    grants = Grants(subject, subscribe=Patterns(["projects/*"]), publish=Patterns(publish))
    return Issuer(SECRET).issue(grants, 3600.0)


def tell(live: Live, topic: str, event_type: str = "invited", **fields: Any) -> str:  # noqa: ANN401
    """Publish a notification; its id."""
    headers = {}
    if "STREAMER_AUTH_SECRET" in live.environ:
        headers["Authorization"] = f"Bearer {token_of('platform', topic)}"
    body = {"topic": topic, "type": event_type, **fields}
    answer = httpx.post(f"{live.url}/api/v1/events", json=body, headers=headers)
    return str(answer.raise_for_status().json()["id"])


class BellPage(LivePage):
    """The page, and its bell."""

    def wait_until_live(self) -> None:
        """Wait until it is live, or asks for a token, or has nothing to watch."""
        states = ("Live over ", "Token needed", "Nothing to watch")
        wait_until_blocking(lambda: self.text("state").startswith(states), "it did not begin")

    def label(self) -> str:
        return str(self.run("return document.getElementById('bell').ariaLabel"))

    def is_named(self, label: str) -> None:
        """Wait until the bell is called that."""
        wait_until_blocking(
            lambda: self.label() == label, f"the bell was {self.label()!r}, never {label!r}"
        )

    def press_on(self, element_id: str) -> None:
        self.browser.find_element(By.ID, element_id).click()

    def notices(self) -> list[str]:
        """What is listed, an unread one with a star."""
        script = """
          const rows = [...document.querySelectorAll("#notice-list li")];
          const text = (row) => row.querySelector("a, [data-part=text]").textContent;
          return rows.map((row) => text(row) + ("unread" in row.dataset ? "*" : ""));
        """
        return list(self.run(script))

    def lists(self, *notices: str) -> None:
        wait_until_blocking(
            lambda: self.notices() == [*notices], f"it listed {self.notices()}, never {notices}"
        )

    def look(self, *, dark: bool, width: int) -> None:
        """Be that wide, and of that colour."""
        assert isinstance(self.browser, Chrome)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.resize(width)

    def screenshot(self, name: str) -> None:
        """Keep what is seen, where STREAMER_SCREENSHOTS names a directory."""
        assert isinstance(self.browser, Chrome)
        if directory := os.environ.get("STREAMER_SCREENSHOTS"):
            picture = self.browser.execute_cdp_cmd("Page.captureScreenshot", {})
            Path(directory, f"page {name}.png").write_bytes(base64.b64decode(picture["data"]))


@pytest.fixture
def plain(browser: Chrome) -> Iterator[Chrome]:
    """A browser that is light and wide again afterwards."""
    yield browser
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    metrics = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_where_nobody_is_asked_the_bell_is_anybodys(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """It counts, lists and marks; one that is of a job leads there, and is read then."""
    live = start_live()
    page = BellPage(browser, live.url, project)
    page.is_named("Notifications")
    page.press_on("bell")
    wait_until_blocking(
        lambda: page.text("no-notices-code") == "streamer notify anybody invited message=Hello",
        "it did not say how to send one",
    )
    page.press_on("bell")
    tell(live, "users/anybody", message="Come in")
    tell(live, "users/anybody", "transcode_complete", title="Cats", job_id="j1")
    tell(live, "users/anybody", "transcode_progress", video_id="v1", progress=5)
    tell(live, "system", "system_message", message="Back at 8", level="warning")
    page.is_named("Notifications, 3 unread")
    assert page.text("bell-count") == "3"
    page.press_on("bell")
    page.lists("Back at 8*", "Cats is ready.*", "Come in*")
    page.run("document.querySelector('#notice-list a').click()")
    page.is_named("Notifications, 1 unread")
    assert page.run("return location.hash") == "#jobs/j1"
    assert page.notices()[0] == "Back at 8*"
    page.press_on("bell")
    page.lists("Back at 8*", "Cats is ready.", "Come in")
    page.press_on("bell-mark")
    page.is_named("Notifications")
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.text("bell-panel") == ""
    assert page.run("return [document.activeElement.id, location.hash]") == ["bell", "#jobs/j1"]


def test_it_goes_on_over_a_cut_and_another_transport(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live = start_live()
    page = BellPage(browser, live.url, project)
    tell(live, "users/anybody", message="one")
    page.is_named("Notifications, 1 unread")
    page.cut()
    tell(live, "users/anybody", message="two")
    page.is_named("Notifications, 2 unread")
    page.use("websocket")
    tell(live, "users/anybody", message="three")
    page.is_named("Notifications, 3 unread")
    page.wait_for_state("Live over WebSocket")


def test_whose_token_it_is_sees_theirs_and_leaves_nothing_behind(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    tell(live, "users/7", message="for 7")
    tell(live, "users/8", message="for 8")
    page = BellPage(browser, live.url, project)

    def give(token: str) -> None:
        page.browser.find_element(By.ID, "token-text").send_keys(token + "\n")

    give(token_of("7"))
    page.is_named("Notifications, 1 unread")
    page.press_on("bell")
    page.lists("for 7*")
    page.press_on("forget")
    wait_until_blocking(lambda: page.text("token-why") != "", "nobody was asked")
    page.is_named("Notifications")
    assert "for 7" not in page.browser.page_source
    give(token_of("8"))
    page.is_named("Notifications, 1 unread")
    page.press_on("bell")
    page.lists("for 8*")


def test_whoever_has_no_inbox_is_told_why(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    page = BellPage(browser, live.url, project)
    # A subject of two segments has no topic of its own.
    page.browser.find_element(By.ID, "token-text").send_keys(token_of("a/b") + "\n")
    page.press_on("bell")
    wait_until_blocking(
        lambda: page.text("no-notices-said").startswith("'a/b' is not a user id"),
        "it was not said",
    )


def test_the_bell_is_accessible_and_fits_in_any_light_and_width(
    plain: Chrome, start_live: StartLive, project: str, subtests: pytest.Subtests
) -> None:
    live = start_live()
    page = BellPage(plain, live.url, project, address="{url}/")
    for dark, width in ((False, 1280), (True, 360)):
        page.look(dark=dark, width=width)
        page.press_on("bell")
        page.screenshot(f"empty {width}")
        assert page.violations() == []
        page.press_on("bell")
    for n in range(9):
        tell(live, "users/anybody", "transcode_complete", title=f"Part {n}", project_id=project)
    first = tell(live, "users/anybody", "transcode_failed", title="Dogs", error="no space left")
    httpx.post(
        f"{live.url}/api/v1/notifications/read", json={"cursor": first, "reader": "anybody"}
    ).raise_for_status()
    tell(live, "system", "system_message", message="Back at 8, when the disks are new")
    for n in range(14):
        tell(live, "users/anybody", message=f"Somebody wrote to you, {n} times")
    page.is_named("Notifications, 15 unread")
    for dark in (False, True):
        for width in (1280, 700, 360):
            with subtests.test(f"{'dark' if dark else 'light'} {width}"):
                page.look(dark=dark, width=width)
                page.press_on("bell")
                page.screenshot(f"{'dark' if dark else 'light'} {width}")
                assert page.violations() == []
                assert page.run("return document.documentElement.scrollWidth <= innerWidth")
                page.press_on("bell")
    page.browser.refresh()
    page.is_named("Notifications, 15 unread")
    page.press_on("bell")
    page.press_on("bell-more")
    wait_until_blocking(lambda: len(page.notices()) == 25, "the older ones did not come")
