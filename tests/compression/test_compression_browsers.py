"""Chromium and Firefox: their own EventSource, and our client in a page, over both codings."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.coded_story import OpenTap, Story
from support.live import Live
from support.page_runner import PageRunner
from support.waiting import wait_until

OURS = str(Path(__file__).parent / "adapters" / "by_page_client.js")
THEIRS = "by_page_eventsource.js"


@pytest.fixture(params=["browser", "firefox"], ids=["Chromium", "Firefox"])
def page(request: pytest.FixtureRequest) -> PageRunner:
    return PageRunner(request.getfixturevalue(str(request.param)))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("adapter", [THEIRS, OURS], ids=["EventSource", "client"])
async def test_a_browser_reads_each_event_of_a_coded_stream_as_it_comes(
    adapter: str, coding: str, page: PageRunner, live_server: Live, open_tap: OpenTap
) -> None:
    """By itself, in step with others, and to the end; an EventSource has a heartbeat, too.

    Gzip is what it is given by what it asks for; zstd is asked for in its place.
    """
    tap = open_tap(coding)
    page.open(tap.proxy.url)
    async with Story(live_server, coding, named=adapter == OURS).begun() as story:
        query = "events=message&heartbeat=1&from=earliest"
        url = f"{tap.proxy.url}/api/v1/{story.topic}/stream?{query}"
        client = page.follow(adapter, url, once=True)
        ours = adapter == OURS
        await story.to_the_end([(client, tap)], beating=not ours, leaving=ours)
        if ours:
            await wait_until(lambda: client.ended() == "ends", "it has not left")
