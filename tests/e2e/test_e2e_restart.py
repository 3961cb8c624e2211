from __future__ import annotations

import httpx
from selenium.webdriver import Chrome

from support.client_page import publish_notes
from support.live import StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking


def test_the_page_says_that_the_server_is_away_and_goes_on_when_it_is_back(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live = start_live()
    page = LivePage(browser, live.url, project)
    publish_notes(live, f"projects/{project}", range(3))
    wait_until_blocking(lambda: page.count("received") == 3, "the first events did not come")
    live.kill()
    page.wait_for_state("Server away")
    assert "cannot be reached" in page.text("notice")
    publish_notes(live, f"projects/{project}", range(3, 6))
    live.start()
    page.wait_until_live()
    assert page.text("notice") == ""
    ids = [event_id for event_id, _ in page.events()]
    assert ids == page.published()
    assert len(ids) == 6
    assert (page.count("gaps"), page.count("reconnects")) == (0, 1)


def test_a_server_that_stops_in_order_tells_the_page_to_come_back(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """A page that is told of a drain waits and resumes; nothing is called an error."""
    live = start_live()
    page = LivePage(browser, live.url, project)
    live.stop()
    live.start()
    publish_notes(live, f"projects/{project}", range(3))
    page.wait_until_live()
    wait_until_blocking(lambda: page.count("received") == 3, "the events did not come")
    assert httpx.get(f"{live.url}/healthz").status_code == 200
    log = page.run("return document.getElementById('log').textContent")
    assert "The server is restarting." in log
