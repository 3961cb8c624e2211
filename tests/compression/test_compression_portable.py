"""On a server that is not ours a coding is the same, and just as shared."""

from __future__ import annotations

import pytest

from support.client_runner import ClientRunner
from support.coded_story import Story, Tap
from support.live import Live


@pytest.mark.parametrize("live", ["portable"], indirect=True)
@pytest.mark.parametrize("adapter", ["by_curl.py", "by_fetch.mjs", "by_aiohttp_sse_client.py"])
async def test_on_any_server_a_client_reads_each_event_of_a_coded_stream_as_it_comes(
    adapter: str, live: Live, runner: ClientRunner
) -> None:
    """By itself, in step with others, out of it by a heartbeat, and to the end."""
    tap = Tap(live.port)
    with tap.proxy:
        async with Story(live, "gzip").begun() as story:
            query = "events=message&heartbeat=1&from=earliest"
            url = f"{tap.proxy.url}/api/v1/{story.topic}/stream?{query}"
            client = runner.follow(adapter, url, once=True)
            await story.to_the_end([(client, tap)])
