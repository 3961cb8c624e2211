"""The JavaScript client in a real browser: it shares one connection, and loses nothing."""

from __future__ import annotations

from typing import Final

import httpx
import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome

from support.client_page import ClientPage, publish_notes
from support.hostile_network import HostileNetwork
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

#: Three components in each of two tabs.
COMPONENTS: Final = 3


def connections(live: Live, project: str) -> int:
    answer = httpx.get(f"{live.url}/api/v1/ws/projects/{project}/connections").raise_for_status()
    count: int = answer.json()["active_connections"]
    return count


@pytest.mark.parametrize("leaves", ["is closed", "crashes", "is frozen"])
def test_two_tabs_have_one_connection_and_lose_nothing_when_the_leader(
    browser: Chrome, start_live: StartLive, project: str, leaves: str
) -> None:
    """Six components in two tabs: one connection; the other tab takes over without a loss."""
    live, topic = start_live(), f"projects/{project}"
    ours = browser.current_window_handle
    browser.switch_to.new_window("tab")
    leader_tab = browser.current_window_handle
    earliest = {"from": "earliest"}
    leader = ClientPage(browser, live.url, topic, components=COMPONENTS, subscribe=earliest)
    leader.wait_for_state("live")
    browser.switch_to.window(ours)
    follower = ClientPage(browser, live.url, topic, components=COMPONENTS, subscribe=earliest)
    follower.wait_for_state("live")
    publish_notes(live, topic, range(5))
    leader.wait_for(range(5))
    follower.wait_for(range(5))
    assert connections(live, project) == 1

    browser.switch_to.window(leader_tab)
    if leaves == "is closed":
        browser.close()
    elif leaves == "crashes":
        with pytest.raises(WebDriverException):
            browser.execute_cdp_cmd("Page.crash", {})
    else:
        browser.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})
    browser.switch_to.window(ours)
    publish_notes(live, topic, range(5, 10))
    follower.wait_for(range(10))
    publish_notes(live, topic, range(10, 15))
    follower.wait_for(range(15))
    assert follower.run("return window.gaps") == 0

    if leaves == "is frozen":
        browser.switch_to.window(leader_tab)
        browser.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "active"})
        # It follows now, and has missed nothing either.
        leader.wait_for(range(15))
        wait_until_blocking(
            lambda: connections(live, project) == 1, "there was more than one connection"
        )
    if leaves != "is closed":
        browser.switch_to.window(leader_tab)
        browser.close()
    browser.switch_to.window(ours)


def test_a_device_that_was_offline_hears_what_came_meanwhile(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live, topic = start_live(), f"projects/{project}"
    page = ClientPage(browser, live.url, topic)
    page.wait_for_state("live")
    publish_notes(live, topic, range(3))
    page.wait_for(range(3))
    browser.execute_cdp_cmd("Network.enable", {})
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**conditions, "offline": True})
    live.kill()
    page.wait_for_state("waiting")
    assert page.run("return subscriptions[0].reason") == "This device is offline."
    publish_notes(live, topic, range(3, 6))
    live.start()
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**conditions, "offline": False})
    page.wait_for(range(6))
    page.wait_for_state("live")


def test_a_reload_resumes_where_the_page_was(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """The position of `persist` is the tab's own; nothing is told twice, nothing is lost."""
    live, topic = start_live(), f"projects/{project}"
    for persist in ("session", "device"):
        options = {"persist": persist}
        page = ClientPage(browser, live.url, topic, subscribe=options)
        page.wait_for_state("live")
        publish_notes(live, topic, range(3))
        page.wait_for(range(3))
        browser.get(f"{live.url}/healthz")
        publish_notes(live, topic, range(3, 6))
        again = ClientPage(browser, live.url, topic, subscribe=options)
        again.wait_for(range(3, 6))
        topic = f"{topic}/other"


def test_a_server_that_was_killed_and_started_again_loses_nothing(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    live, topic = start_live(), f"projects/{project}"
    page = ClientPage(browser, live.url, topic)
    page.wait_for_state("live")
    publish_notes(live, topic, range(3))
    page.wait_for(range(3))
    live.kill()
    page.wait_for_state("waiting")
    assert page.run("return subscriptions[0].retryAt > Date.now() - 60000")
    publish_notes(live, topic, range(3, 6))
    live.start()
    page.run("subscriptions[0].retryNow()")
    publish_notes(live, topic, range(6, 9))
    page.wait_for(range(9))
    page.wait_for_state("live")


def test_where_a_proxy_lets_no_stream_pass_polling_takes_over(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """With SSE and WebSocket both blocked everything still arrives."""
    live, topic = start_live(), f"projects/{project}"
    publish_notes(live, topic, range(3))
    with HostileNetwork(live.port) as network:
        network.mood = "blocking"
        page = ClientPage(browser, network.url, topic, subscribe={"from": "earliest"})
        page.wait_for(range(3))
        page.wait_for_state("polling")
        assert page.run("return subscriptions[0].transport") == "poll"
        publish_notes(live, topic, range(3, 6))
        page.wait_for(range(6))
        page.run("client.close()")
