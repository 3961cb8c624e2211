"""What browsers bring along, Chromium's and Firefox's side by side, as tests/clients has others."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest
from selenium.webdriver import Chrome, Firefox

from support.client_bending import check_endings, check_rules
from support.client_matrix import IN_BROWSERS, Client
from support.client_runner import Followed
from support.client_story import SECRET, leave_alone, live_through, stream_url
from support.live import Live, StartLive
from support.page_runner import PageRunner
from support.tcp_proxy import TcpProxy


@pytest.fixture
def pages(browser: Chrome, firefox: Firefox) -> dict[str, PageRunner]:
    return {"Chromium": PageRunner(browser), "Firefox": PageRunner(firefox)}


def follow_all(
    pages: dict[str, PageRunner], page_url: str, url: str, *, once: bool = False
) -> dict[Client, Followed]:
    """Each of them in a page of its browser.

    The page comes from the server, not by the proxy: an idle connection of it would be cut too,
    and that in the head of the next answer, which ends an EventSource.
    """
    for page in pages.values():
        page.open(page_url)
    return {
        one: pages[one.registry].follow(one.adapter, url, once=once, label=one.title)
        for one in IN_BROWSERS
    }


def test_eventsource_and_websocket_lose_and_double_nothing(
    pages: dict[str, PageRunner], start_live: StartLive, project: str
) -> None:
    """Over cuts, a crash and a restart: what all other clients live through."""
    live = start_live(STREAMER_RETRY_MS="100", STREAMER_AUTH_SECRET=SECRET)
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        clients = follow_all(pages, live.url, stream_url(proxy.url, project, token=True))
        live_through(live, proxy, project, list(clients.values()))


@pytest.mark.parametrize("how", ["cut", "end"])
def test_eventsource_and_websocket_do_by_themselves_what_the_table_says(
    how: Literal["cut", "end"], pages: dict[str, PageRunner], start_live: StartLive, project: str
) -> None:
    """With an application that does nothing, it comes back, or it is over."""
    live = start_live(STREAMER_RETRY_MS="100")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        clients = follow_all(pages, live.url, stream_url(proxy.url, project), once=True)
        leave_alone(how, live, proxy, project, clients)


def test_what_breaks_and_what_ends_an_eventsource_is_as_the_tables_say(
    browser: Chrome, pages: dict[str, PageRunner], live_server: Live
) -> None:
    """A rule is bent, or a status met; each story has an origin, of which six streams may be."""
    for page in pages.values():
        page.open(live_server.url)
    sources = [one for one in IN_BROWSERS if not one.is_websocket]

    def follow(one: Client, url: str, *, once: bool = False) -> Followed:
        return pages[one.registry].follow(one.adapter, url, once=once, label=one.title)

    check_rules(sources, follow)
    check_endings(sources, partial(follow, once=True))
    # What a browser says of an answer that is no stream was asked for here.
    browser.get_log("browser")  # type: ignore[no-untyped-call]
