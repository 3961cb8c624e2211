"""Other people's clients, as they are: what they ask for, and what they read of it.

Who asks for several codings is given gzip. It matters: Node.js loses what stands behind a frame of
zstd in one piece of a body (nodejs/node#64741), and httpx, which asks for both, takes no frame
behind one that has ended with a piece. What stands on requests is given none (`api/codings.py`).
"""

from __future__ import annotations

import pytest

from support.client_runner import ClientRunner
from support.coded_story import OpenTap, Story
from support.live import Live

#: Those that read zstd in as many frames as come.
READ_ZSTD = (
    "by_curl.py",
    "by_aiohttp_sse_client.py",
)
CLIENTS = (
    *READ_ZSTD,
    "by_httpx_sse.py",
    "by_eventsource.mjs",
    "by_eventsource_client.mjs",
    "by_fetch_event_source.mjs",
    "by_undici.mjs",
    "by_fetch.mjs",
)
QUERY = "events=message&heartbeat=1&from=earliest"


@pytest.mark.parametrize(
    ("adapter", "coding"),
    [(one, "gzip") for one in CLIENTS] + [(one, "zstd") for one in READ_ZSTD],
)
async def test_a_client_reads_each_event_of_a_coded_stream_as_it_comes(
    adapter: str, coding: str, live_server: Live, runner: ClientRunner, open_tap: OpenTap
) -> None:
    """By itself, in step with others, out of it by a heartbeat, and to the end.

    Gzip is what it is given by what it asks for; zstd is asked for in its place.
    """
    tap = open_tap(coding)
    async with Story(live_server, coding).begun() as story:
        url = f"{tap.proxy.url}/api/v1/{story.topic}/stream?{QUERY}"
        client = runner.follow(adapter, url, once=True)
        await story.to_the_end([(client, tap)])
