"""A platform's React code, written for another server: only the address is another."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.notifications import Notifications
from streamer.publishing.publisher import Publisher
from support.front_end import FrontEnd
from support.live import Live, StartLive
from support.nginx import nginx_before
from support.waiting import DidNotCome, wait_until_blocking

SECRET: Final = "0123456789abcdef" * 2
#: Milliseconds between two pings of the page.
PING: Final = 200


def token(subject: str, *, admin: bool = False) -> str:
    return Issuer(SECRET).issue(Grants(subject, is_admin=admin), 3600.0)


class Platform:
    """The page, as a person sees it: of a user, and beside it of an admin."""

    def __init__(self, browser: Chrome, address: str, api: str) -> None:
        self._browser: Final = browser
        asked = {"api": api, "token": token("7"), "admin": token("root", admin=True), "ping": PING}
        browser.get(f"{address}?{urlencode(asked)}")
        self.wait_until_connected()

    @staticmethod
    def wait(condition: Callable[[], Any], missing: str) -> None:
        wait_until_blocking(condition, missing)

    def wait_until_connected(self) -> None:
        self.wait(lambda: self.states == ["connected"] * 2, "they were not both connected")

    @property
    def states(self) -> list[str]:
        return self.texts("section .state")

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self._browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)",
            selector,
        )
        return found

    def json(self, selector: str) -> Any:  # noqa: ANN401 - whatever it is
        (text,) = self.texts(selector)
        return json.loads(text)

    @property
    def told(self) -> list[str]:
        """What the user is shown, the oldest first."""
        return self.texts("#user .list li")

    @property
    def admin_told(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts("#admin .list li")]

    def click(self, selector: str) -> None:
        self._browser.find_element(By.CSS_SELECTOR, selector).click()

    @property
    def pongs(self) -> int:
        return int(self._browser.execute_script("return document.body.dataset.pongs ?? 0"))


class Worker:
    """Notifies straight to the log, whatever servers there are."""

    def __init__(self, live: Live) -> None:
        self._environ: Final = live.environ

    def __call__(self, *say: Callable[[Notifications[Any]], Any]) -> None:
        async def publish() -> None:
            log = RedisEventLog(
                self._environ["STREAMER_REDIS_URL"], prefix=self._environ["STREAMER_PREFIX"]
            )
            try:
                notifications = Notifications(Publisher(log))
                for one in say:
                    await one(notifications)
            finally:
                await log.close()

        asyncio.run(publish())


Servers = tuple[list[Live], str, Worker]


@pytest.fixture
def servers(start_live: StartLive, tmp_path: Path) -> Iterator[Servers]:
    """Two processes on one Redis behind a front that balances, its address, and a worker."""
    first = start_live(STREAMER_AUTH_SECRET=SECRET)
    second = start_live(
        STREAMER_AUTH_SECRET=SECRET, STREAMER_PREFIX=first.environ["STREAMER_PREFIX"]
    )
    directory = tmp_path / "nginx"
    directory.mkdir()
    with nginx_before([first.port, second.port], directory) as address:
        yield [first, second], address, Worker(first)


@pytest.mark.parametrize("react", [18, 19])
def test_a_user_and_an_admin_are_told_with_the_older_fields_alone(
    browser: Chrome, servers: Servers, front_end: FrontEnd, react: int
) -> None:
    _, address, worker = servers
    platform = Platform(browser, front_end("platform", react), address)
    connected = platform.json("#user .last")
    assert connected == {
        "type": "connected",
        "message": "Connected to your notifications",
        "user_id": "7",
    }
    worker(lambda n: n.transcode_progress("v1", "running", 45, "half way", user="7"))
    platform.wait(lambda: platform.texts("#video-v1") == [" 45 % half way"], "no progress came")
    progress = platform.json("#user .last")
    assert set(progress) == {"type", "video_id", "status", "progress", "message", "timestamp"}
    worker(lambda n: n.transcode_complete("v1", "Cats", "hls", 123_456, user="7"))
    platform.wait(
        lambda: platform.told == ["Cats is ready (hls, 123456 bytes)"], "its end did not come"
    )
    last = platform.json("#user .last")
    assert set(last) == {"type", "video_id", "title", "format_type", "file_size", "timestamp"}
    platform.wait(lambda: platform.admin_told == [progress, last], "an admin was not told the same")
    assert platform.texts("#user h2") == ["Notifications (1)"]
    platform.click("#user button")
    platform.wait(lambda: platform.texts("#user h2") == ["Notifications (0)"], "not marked as read")


def test_an_admin_counts_who_is_there(
    browser: Chrome, servers: Servers, front_end: FrontEnd
) -> None:
    """Over both processes, when it connects and when it asks; and pings are answered."""
    _, address, _ = servers
    platform = Platform(browser, front_end("platform"), address)
    counts = {"total_users", "total_user_connections", "total_admin_connections"}
    assert set(platform.json("#admin .stats")) == counts | {"total_connections"}

    def counted() -> bool:
        platform.click("#admin button")
        stats = platform.json("#admin .stats")
        return [stats.get(name) for name in sorted(counts)] == [1, 1, 1]

    platform.wait(counted, "they were not both counted")
    before = platform.pongs
    platform.wait(lambda: platform.pongs > before + 1, "pings were not answered")


def test_whoever_is_no_admin_is_refused_and_does_not_come_again(
    browser: Chrome, servers: Servers, front_end: FrontEnd
) -> None:
    _, address, _ = servers
    asked = {"api": address, "token": token("7"), "admin": token("8"), "ping": PING}
    browser.get(f"{front_end('platform')}?{urlencode(asked)}")
    wait_until_blocking(
        lambda: (
            [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".state")]
            == ["connected", "not connected"]
        ),
        "they were not as they should be",
    )


def test_a_server_that_is_killed_costs_no_notification_and_doubles_none(
    browser: Chrome, servers: Servers, front_end: FrontEnd
) -> None:
    """Each of the two in turn, so that every connection is cut at least once."""
    lives, address, worker = servers
    platform = Platform(browser, front_end("platform"), address)
    sent: list[str] = []

    def tell() -> str:
        number = str(len(sent))
        sent.append(f"info: {number}")
        worker(operator.methodcaller("system_message", number))
        return number

    def heard_all() -> bool:
        told = platform.told
        assert len(told) == len(set(told)), told
        return told == sent

    def admin_heard() -> list[str]:
        return [event["message"] for event in platform.admin_told]

    def told_to_the_admin() -> bool:
        """Its page has no list to ask: it hears what is said while it is connected."""
        number = tell()
        try:
            wait_until_blocking(lambda: number in admin_heard(), "not heard", deadline=1)
        except DidNotCome:
            return False
        return True

    for live in lives:
        platform.wait(told_to_the_admin, "the admin heard nothing")
        platform.wait(heard_all, "what is said while all is well did not come")
        live.kill()
        # Some are said to nobody: the page has not noticed, or is on its way.
        for _ in range(3):
            tell()
        platform.wait_until_connected()
        platform.wait(told_to_the_admin, "the admin did not come back")
        platform.wait(heard_all, f"not all came: {sent}")
        live.start()
    admin = admin_heard()
    assert admin == sorted(set(admin), key=int)
    inbox = httpx.get(
        f"{address}/api/v1/notifications?limit=100",
        headers={"Authorization": f"Bearer {token('7')}"},
    ).json()
    assert inbox["unread"] == len(sent)
