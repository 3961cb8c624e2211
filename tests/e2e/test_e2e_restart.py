from __future__ import annotations

import asyncio
from collections.abc import Iterable

import httpx
from selenium.webdriver import Chrome

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.publisher import Publisher
from support.live import Live, StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking

#: A reader as anybody writes it, with nothing of ours.
NATIVE_READER = """
window.got = [];
window.opened = 0;
const source = new EventSource(arguments[0]);
source.onopen = () => { window.opened += 1; };
source.addEventListener("note", (event) => window.got.push(JSON.parse(event.data).n));
"""


def publish(live: Live, project: str, numbers: Iterable[int]) -> None:
    """Append events straight to the log, as a worker does while the server is away."""

    async def append() -> None:
        environ = live.environ
        log = RedisEventLog(environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
        try:
            publisher = Publisher(log)
            for n in numbers:
                await publisher.publish(f"projects/{project}", "note", {"n": n})
        finally:
            await log.close()

    asyncio.run(append())


def test_a_browsers_own_eventsource_resumes_after_the_server_was_killed(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """Killed and started on the same port, the server replays what came meanwhile, once."""
    live = start_live()
    browser.get(f"{live.url}/healthz")
    browser.execute_script(NATIVE_READER, f"/api/v1/projects/{project}/stream")

    def has(name: str) -> object:
        return browser.execute_script(f"return window.{name}")

    wait_until_blocking(lambda: has("opened") == 1, "the EventSource was not opened")
    publish(live, project, range(5))
    wait_until_blocking(lambda: has("got") == list(range(5)), "the first events did not come")
    live.kill()
    publish(live, project, range(5, 10))
    live.start()
    publish(live, project, range(10, 15))
    wait_until_blocking(
        lambda: len(list(has("got"))) >= 15,  # type: ignore[call-overload]
        "the EventSource did not get what it missed",
    )
    assert has("got") == list(range(15))
    assert has("opened") == 2


def test_the_page_says_that_the_server_is_away_and_goes_on_when_it_is_back(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live = start_live()
    page = LivePage(browser, live.url, project)
    publish(live, project, range(3))
    wait_until_blocking(lambda: page.count("received") == 3, "the first events did not come")
    live.kill()
    page.wait_for_state("Server away")
    assert "cannot be reached" in page.text("notice")
    publish(live, project, range(3, 6))
    live.start()
    page.wait_until_live()
    assert page.text("notice") == ""
    ids = [event_id for event_id, _ in page.events()]
    assert ids == page.published()
    assert len(ids) == 6
    assert (page.count("duplicates"), page.count("gaps")) == (0, 0)


def test_a_server_that_stops_in_order_tells_the_page_to_come_back(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """A page that is told of a drain waits and resumes; nothing is called an error."""
    live = start_live()
    page = LivePage(browser, live.url, project)
    live.stop()
    live.start()
    publish(live, project, range(3))
    page.wait_until_live()
    wait_until_blocking(lambda: page.count("received") == 3, "the events did not come")
    assert httpx.get(f"{live.url}/healthz").status_code == 200
    assert "reconnect" in page.run("return document.getElementById('log').textContent")
