"""Which streams are compressed, and what their heads say of it."""

from __future__ import annotations

import time

import httpx
import jwt
import pytest

from support.live import Live, StartLive
from support.readers import sse

SECRET = "only-for-tests-only-for-tests-only"
STREAM = "/api/v1/projects/p1/stream"


def token() -> dict[str, str]:
    said = {"sub": "ada", "exp": int(time.time()) + 600, "streamer": {"subscribe": ["**"]}}
    return {"Authorization": f"Bearer {jwt.encode(said, SECRET, 'HS256')}"}


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_stream_that_everybody_may_read_is_compressed(
    coding: str, start_live: StartLive
) -> None:
    live = start_live()
    headers = {"Accept-Encoding": coding}
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        sse(live.url, STREAM, headers) as first,
        sse(live.url, STREAM, headers) as second,
    ):
        for stream in (first, second):
            await stream.has("connected", "caught_up")
            assert stream.headers["content-encoding"] == coding
        ids = []
        for text in ("a", "b"):
            answer = await client.post("/api/v1/projects/p1/events", json={"type": text})
            ids.append(answer.json()["id"])
        for stream in (first, second):
            await stream.has_ids(ids)


@pytest.mark.parametrize(("way", "coding"), [("public", None), ("off", None), ("on", "gzip")])
async def test_where_readers_prove_who_they_are_nothing_is_compressed_unless_asked(
    way: str, coding: str | None, start_live: StartLive
) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_COMPRESSION=way)
    async with sse(live.url, STREAM, {"Accept-Encoding": "gzip", **token()}) as stream:
        await stream.has("connected", "caught_up")
        assert stream.headers.get("content-encoding") == coding


async def test_requests_is_given_none_for_who_stands_on_it_may_read_below_it(
    live_server: Live,
) -> None:
    headers = {"Accept-Encoding": "gzip, deflate", "User-Agent": "python-requests/2.32.5"}
    async with sse(live_server.url, STREAM, headers) as stream:
        await stream.has("connected", "caught_up")
        assert "content-encoding" not in stream.headers


@pytest.mark.parametrize("accepted", ["gzip", "zstd", "identity"])
def test_a_head_is_that_of_the_stream(accepted: str, start_live: StartLive) -> None:
    live = start_live()
    url, headers = f"{live.url}{STREAM}", {"Accept-Encoding": accepted}
    asked = httpx.head(url, headers=headers)
    with httpx.stream("GET", url, headers=headers) as streamed:
        for name in ("content-encoding", "vary", "content-type", "cache-control"):
            assert asked.headers.get(name) == streamed.headers.get(name)
    assert "Accept-Encoding" in asked.headers["vary"]
