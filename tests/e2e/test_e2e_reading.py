"""How much is unread, on several devices of one reader, in a real browser at a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.front_end import FrontEnd
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

SECRET: Final = "0123456789abcdef" * 2
TOPIC: Final = "chats/42"


def token_of(subject: str) -> str:
    topics = Patterns([TOPIC])
    return Issuer(SECRET).issue(Grants(subject, subscribe=topics, publish=topics), 3600.0)


class Device:
    """A tab of one reader's browser."""

    def __init__(self, browser: Chrome, address: str, live: Live, subject: str) -> None:
        browser.switch_to.new_window("tab")
        self._browser: Final = browser
        self.tab: Final = browser.current_window_handle
        query = {"api": live.url, "topic": TOPIC, "token": token_of(subject), "user": subject}
        browser.get(f"{address}?{urlencode(query)}")

    def shows(self, words: str) -> None:
        """Wait until it says that, in the background or not."""
        self._browser.switch_to.window(self.tab)

        def text() -> str:
            return self._browser.find_element(By.TAG_NAME, "output").text

        wait_until_blocking(lambda: text() == words, f"it showed {text()!r}, never {words!r}")

    def mark(self) -> None:
        self._browser.switch_to.window(self.tab)
        self._browser.find_element(By.TAG_NAME, "button").click()


@pytest.fixture
def tabs(browser: Chrome) -> Iterator[Chrome]:
    """A browser whose tabs are closed afterwards."""
    first, before = browser.current_window_handle, set(browser.window_handles)
    yield browser
    for tab in set(browser.window_handles) - before:
        browser.switch_to.window(tab)
        browser.close()
    browser.switch_to.window(first)


def say(live: Live) -> None:
    answer = httpx.post(
        f"{live.url}/api/v1/events",
        json={"topic": TOPIC, "type": "message", "text": "hello"},
        headers={"Authorization": f"Bearer {token_of('bob')}"},
    )
    answer.raise_for_status()


def unread(live: Live, subject: str) -> int:
    """What the log has counted."""
    address = f"{live.url}/api/v1/topics/{TOPIC}/cursor"
    answer = httpx.get(address, headers={"Authorization": f"Bearer {token_of(subject)}"})
    return int(answer.raise_for_status().json()["unread"])


def test_what_is_marked_on_one_device_is_read_on_all(
    tabs: Chrome, front_end: FrontEnd, start_live: StartLive
) -> None:
    """In two tabs that share a connection, and on a page of another origin; and not by others."""
    live = start_live(STREAMER_ALLOWED_ORIGINS="*", STREAMER_AUTH_SECRET=SECRET)
    say(live)
    phone, laptop = front_end("reading"), front_end("reading")
    devices = [Device(tabs, address, live, "ada") for address in (phone, laptop, laptop)]
    other = Device(tabs, phone, live, "bob")
    for device in (*devices, other):
        device.shows("1 live")
    say(live)
    for device in (*devices, other):
        device.shows("2 live")
    devices[0].mark()
    for device in devices:
        device.shows("0 live")
    other.shows("2 live")


def test_two_devices_that_mark_at_once_agree(
    tabs: Chrome, front_end: FrontEnd, start_live: StartLive
) -> None:
    """Again and again, while somebody writes: in the end nothing is unread on either."""
    live = start_live(STREAMER_ALLOWED_ORIGINS="*", STREAMER_AUTH_SECRET=SECRET)
    phone, laptop = front_end("reading"), front_end("reading")
    devices = [Device(tabs, address, live, "ada") for address in (phone, laptop)]
    for device in devices:
        device.shows("0 live")
    for _ in range(5):
        say(live)
        for device in devices:
            device.mark()
        say(live)
        devices[0].mark()

    def is_read() -> bool:
        """What came behind the last mark is unread, until it is marked."""
        devices[0].mark()
        return unread(live, "ada") == 0

    wait_until_blocking(is_read, "what was marked is not read")
    for device in devices:
        device.shows("0 live")
    say(live)
    for device in devices:
        device.shows("1 live")


def test_what_is_marked_while_the_server_is_away_is_marked_when_it_is_back(
    tabs: Chrome, front_end: FrontEnd, start_live: StartLive
) -> None:
    live = start_live(STREAMER_ALLOWED_ORIGINS="*", STREAMER_AUTH_SECRET=SECRET)
    say(live)
    phone, laptop = front_end("reading"), front_end("reading")
    first, second = (Device(tabs, address, live, "ada") for address in (phone, laptop))
    for device in (first, second):
        device.shows("1 live")
    live.kill()
    first.shows("1 waiting")
    first.mark()
    first.shows("0 waiting")
    live.start()
    first.shows("0 live")
    second.shows("0 live")
    say(live)
    second.shows("1 live")
