"""What passes through each of the proxies that we have files for: streams, sockets, uploads, ends.

A rolling restart behind them is in test_deploy_rolling.py, HTTP/2 in test_deploy_http2.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from support.live import Live
from support.proxies import NAMES, proxy_before
from support.readers import SocketReader, SseReader, sse, websocket
from support.tus import begin, look, offset_of, patching, released, send
from support.waiting import wait_until, wait_until_blocking

#: Seconds of silence that the proxies are put through as they are; a release has 300.
AS_THEY_ARE = float(os.environ.get("STREAMER_IDLE_SECONDS", "0"))
#: Seconds of silence after which proxies cut a stream in these tests, where they do.
IDLE = 2
#: Those that have such a time at all.
CUTTING = ("nginx", "haproxy")
#: No heartbeat comes that could help: what is asked for comes sooner than that.
SILENT = "heartbeat=60"
#: Seconds in which a client's leaving shows, long before it would by a heartbeat.
SOON = 10.0


@pytest.fixture(scope="module", params=NAMES)
def front(
    request: pytest.FixtureRequest,
    _shared_live: Callable[[str], Live],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of each proxy in turn, before the server of the session."""
    port = _shared_live("fast").port
    with proxy_before(request.param, (port, port), tmp_path_factory.mktemp("proxy")) as url:
        yield url


async def readers_of(
    stack: AsyncExitStack, url: str, project: str, options: str
) -> tuple[SseReader, SocketReader]:
    """A stream and a WebSocket that are live."""
    over_http = await stack.enter_async_context(
        sse(url, f"/api/v1/projects/{project}/stream?{options}")
    )
    over_socket = await stack.enter_async_context(
        websocket(url.replace("http", "ws", 1), f"/api/v1/projects/{project}/stream?{options}")
    )
    for reader in (over_http, over_socket):
        await reader.has("connected", "caught_up")
    return over_http, over_socket


async def is_over(stream: SseReader) -> None:
    await wait_until(lambda: stream.cut or stream.ended, "the stream was not cut")


async def publish(url: str, project: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = await client.post(f"/api/v1/projects/{project}/events", json={"type": "tick"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_each_event_comes_when_it_is_published(front: str, project: str) -> None:
    """Nothing holds it back until there is more, over SSE and WebSocket."""
    async with AsyncExitStack() as stack:
        readers = await readers_of(stack, front, project, SILENT)
        ids: list[str] = []
        for _ in range(3):
            ids.append(await publish(front, project))
            for reader in readers:
                await reader.has_ids(ids)


async def test_a_client_that_leaves_is_gone_at_the_server(
    front: str, live_server: Live, project: str
) -> None:
    """At once: its place is somebody else's, and nothing is sent to it."""

    async def connected() -> int:
        async with httpx.AsyncClient(base_url=live_server.url, trust_env=False) as client:
            answer = await client.get(f"/api/v1/ws/projects/{project}/connections")
        return int(answer.json()["active_connections"])

    async with AsyncExitStack() as stack:
        await readers_of(stack, front, project, SILENT)
        assert await connected() == 2

    async def nobody() -> bool:
        return await connected() == 0

    await wait_until(nobody, "who left was not gone", deadline=SOON)


def test_an_upload_is_handed_on_as_it_comes(front: str, live_server: Live, project: str) -> None:
    """Everybody sees how far it is, and what came is kept when it breaks off."""
    size = 8_000_000
    url = begin(live_server, project, size).replace(live_server.url, front)
    with patching(url, 0, size) as peer:
        peer.sendall(bytes(3_000_000))
        wait_until_blocking(lambda: offset_of(url) > 2_000_000, "it was held back")
    there = released(url)
    assert there > 2_000_000
    assert send(url, there, bytes(size - there - 1)).status_code == 204
    assert look(url).headers["upload-offset"] == str(size - 1)


async def test_a_silent_stream_is_held_by_its_heartbeats(
    live_server: Live, project: str, short_dir: Path
) -> None:
    """Past twice the time after which a proxy cuts what is silent; which some do."""
    port = live_server.port
    async with AsyncExitStack() as stack:
        held, silent, urls = {}, {}, {}
        for name in NAMES:
            urls[name] = url = stack.enter_context(
                proxy_before(name, (port, port), short_dir / name, idle=IDLE)
            )
            silent[name] = await readers_of(stack, url, project, SILENT)
            held[name] = await readers_of(stack, url, project, "heartbeat=1")

        def have_beaten() -> bool:
            return all(over_http.raw.count(b":\n") > 2 * IDLE for over_http, _ in held.values())

        await wait_until(have_beaten, "the heartbeats did not come")
        for name in CUTTING:
            over_http, over_socket = silent[name]
            await is_over(over_http)
            await over_socket.is_closed()
        id_ = await publish(urls["nginx"], project)
        for readers in (*held.values(), *(silent[name] for name in set(NAMES) - set(CUTTING))):
            for reader in readers:
                await reader.has_ids([id_])


@pytest.mark.skipif(not AS_THEY_ARE, reason="takes minutes: STREAMER_IDLE_SECONDS=300")
@pytest.mark.timeout(AS_THEY_ARE + 300)
async def test_nothing_is_cut_in_minutes_without_an_event(
    live_server: Live, project: str, short_dir: Path
) -> None:
    """By the files as they are, with the heartbeats that everybody has."""
    port = live_server.port
    async with AsyncExitStack() as stack:
        readers: list[SseReader | SocketReader] = []
        for name in NAMES:
            url = stack.enter_context(proxy_before(name, (port, port), short_dir / name))
            readers += await readers_of(stack, url, project, "events=named")
        streams = [reader for reader in readers if isinstance(reader, SseReader)]

        def have_beaten() -> bool:
            assert not any(stream.cut or stream.ended for stream in streams)
            return all(one.raw.count(b":\n") > AS_THEY_ARE / 15 for one in streams)

        await wait_until(have_beaten, "a heartbeat is missing", deadline=AS_THEY_ARE + 30)
        id_ = await publish(live_server.url, project)
        for reader in readers:
            await reader.has_ids([id_])
