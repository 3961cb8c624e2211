"""What is ours, in Firefox: the JavaScript client, its tabs, and the page."""

from __future__ import annotations

import httpx
from selenium.webdriver import Firefox

from support.client_page import ClientPage, publish_notes
from support.live import StartLive
from support.live_page import LivePage
from support.tcp_proxy import TcpProxy


def test_the_client_loses_nothing_over_a_cut_and_a_restart_in_firefox(
    firefox: Firefox, start_live: StartLive, project: str
) -> None:
    """It reads by `fetch`, and comes back where Firefox's own EventSource does not."""
    live, topic = start_live(STREAMER_RETRY_MS="100"), f"projects/{project}"
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        page = ClientPage(firefox, proxy.url, topic, own_script=True)
        page.wait_for_state("live")
        publish_notes(live, topic, range(3))
        page.wait_for(range(3))
        proxy.cut()
        publish_notes(live, topic, range(3, 6))
        page.wait_for(range(6))
        live.kill()
        page.wait_for_state("waiting")
        publish_notes(live, topic, range(6, 9))
        live.start()
        page.wait_for(range(9))
        page.run("client.close()")


def test_two_tabs_of_firefox_have_one_connection_and_lose_nothing_when_the_leader_is_closed(
    firefox: Firefox, start_live: StartLive, project: str
) -> None:
    live, topic = start_live(), f"projects/{project}"
    ours = firefox.current_window_handle
    firefox.switch_to.new_window("tab")
    leader = ClientPage(firefox, live.url, topic, components=2, own_script=True)
    leader.wait_for_state("live")
    leader_tab = firefox.current_window_handle
    firefox.switch_to.window(ours)
    follower = ClientPage(firefox, live.url, topic, components=2, own_script=True)
    follower.wait_for_state("live")
    publish_notes(live, topic, range(3))
    leader.wait_for(range(3))
    follower.wait_for(range(3))
    counted = httpx.get(f"{live.url}/api/v1/ws/projects/{project}/connections").raise_for_status()
    assert counted.json()["active_connections"] == 1
    firefox.switch_to.window(leader_tab)
    firefox.close()
    firefox.switch_to.window(ours)
    publish_notes(live, topic, range(3, 6))
    follower.wait_for(range(6))
    assert follower.run("return window.gaps") == 0


def test_a_job_moves_from_0_to_100_percent_on_the_page_in_firefox(
    firefox: Firefox, everything: str, project: str
) -> None:
    page = LivePage(firefox, everything, project)
    page.start()
    page.wait_for_job("completed")
    shown = page.shown()
    assert shown[-1] == 100
    assert shown == sorted(shown)
    page.wait_for_all()
    assert page.count("gaps") == 0
