"""The AI SDK's addresses over real servers: posted, resumed, stopped, and cut by a drain."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from streamer.config.settings import Settings
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.chat_answer.chat_answer import CHAT_ANSWER
from streamer.publishing.sync_publisher import SyncPublisher
from support.ai_server import AiServer, chunk, whole
from support.jobs import working
from support.live import Live, StartLive
from support.nginx import nginx_before
from support.ui_message import UiClient
from support.waiting import DEADLINE

URL: Final = "/api/v1/ai/chats"
CHAT: Final = f"{URL}/42"


@pytest.fixture
def worker(job_settings: Settings, job_publisher: SyncPublisher) -> Callable[[str], Any]:
    """Runs the answers of a server in this process."""

    @contextmanager
    def run(url: str) -> Iterator[None]:
        settings = msgspec.structs.replace(job_settings, ai_url=url)
        broker = create_broker(settings, job_publisher, max_retries=2)
        options = {**CHAT_ANSWER.options, "min_backoff": 10, "max_backoff": 20}
        kind = msgspec.structs.replace(CHAT_ANSWER, options=options)
        declare_actors(broker, settings, [kind])
        with working(broker):
            yield
        broker.client.close()

    return run


def posting(text: str = "", **more: str) -> dict[str, Any]:
    said = {"id": f"m {text}", "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": "42", "trigger": "submit-message", "messages": [said] if text else [], **more}


class Stream:
    """One stream that is being read."""

    def __init__(self, answer: httpx.Response) -> None:
        self.client: Final = UiClient()
        self.answer: Final = answer
        self._parts: Final = answer.aiter_bytes()

    async def until(self, text: str) -> None:
        """Read until it has said so much."""
        async with asyncio.timeout(DEADLINE):
            while self.client.text != text:
                self.client.feed(await anext(self._parts))

    async def rest(self) -> None:
        """Read to the end; raises if there is none."""
        async with asyncio.timeout(DEADLINE):
            async for part in self._parts:
                self.client.feed(part)


@asynccontextmanager
async def reading(url: str, body: object = None) -> AsyncIterator[Stream]:
    async with httpx.AsyncClient(trust_env=False) as client:
        method = "GET" if body is None else "POST"
        async with client.stream(method, url, json=body) as answer:
            assert answer.status_code == 200
            assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
            yield Stream(answer)


@pytest.fixture
def serve(start_live: StartLive, job_settings: Settings) -> Callable[[str, str], Live]:
    def start(path: str, ai_url: str) -> Live:
        assert job_settings.redis_url is not None
        return start_live(
            path,
            redis_url=job_settings.redis_url,
            STREAMER_PREFIX=job_settings.prefix,
            STREAMER_AI_URL=ai_url,
        )

    return start


@pytest.mark.parametrize("path", ["fast", "portable"])
async def test_an_answer_is_posted_for_resumed_stopped_and_said_anew(
    serve: Callable[[str, str], Live], worker: Callable[[str], Any], path: str
) -> None:
    hold = threading.Event()
    with (
        AiServer([chunk("The first "), chunk("half"), hold], whole("All ", "of it")) as server,
        worker(server.url),
    ):
        live = serve(path, server.url)
        async with reading(f"{live.url}{URL}", posting("hello")) as posted:
            await posted.until("The first half")
            async with reading(f"{live.url}{CHAT}/stream") as resumed:
                await resumed.until("The first half")
                assert resumed.client.message_id == posted.client.message_id
                async with httpx.AsyncClient(trust_env=False) as client:
                    stopped = await client.post(f"{live.url}{CHAT}/stop")
                assert stopped.status_code in (200, 202)
                assert stopped.json()["answer"] == posted.client.message_id
                for stream in (posted, resumed):
                    await stream.rest()
                    assert (stream.client.finish, stream.client.is_done) == ("abort", True)
                    assert stream.client.text == "The first half"
        hold.set()
        again = posting(trigger="regenerate-message", messageId=posted.client.message_id or "")
        async with reading(f"{live.url}{CHAT}", again) as anew:
            await anew.rest()
        assert (anew.client.text, anew.client.finish) == ("All of it", "finish")
        assert anew.client.message_id != posted.client.message_id
        assert [said["content"] for said in server.requests[1]["messages"]] == ["hello"]
        # What is sent twice is said once, and has one answer.
        async with reading(f"{live.url}{URL}", posting("hello")) as twice:
            await twice.rest()
        assert twice.client.message_id == posted.client.message_id
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(f"{live.url}{CHAT}/stop")).status_code == 204
            assert (await client.get(f"{live.url}{URL}/other/stream")).status_code == 204


@pytest.mark.parametrize("path", ["fast", "portable"])
async def test_a_server_that_goes_away_cuts_the_stream_also_behind_nginx(
    serve: Callable[[str, str], Live],
    worker: Callable[[str], Any],
    short_dir: Path,
    path: str,
) -> None:
    """And another server of the same log has all of it."""
    hold = threading.Event()
    with (
        AiServer([chunk("The first "), chunk("half"), hold, *whole(", and more")]) as server,
        worker(server.url),
    ):
        live, other = serve(path, server.url), serve("fast", server.url)
        with nginx_before((live.port, live.port), short_dir) as proxy:
            async with (
                reading(f"{live.url}{CHAT}", posting("hello")) as direct,
                reading(f"{proxy}{CHAT}/stream") as proxied,
            ):
                for stream in (direct, proxied):
                    await stream.until("The first half")
                assert live.program is not None
                live.program.signal(signal.SIGTERM)
                for stream in (direct, proxied):
                    with pytest.raises(httpx.RemoteProtocolError):
                        await stream.rest()
                    assert stream.client.finish is None
        hold.set()
        async with reading(f"{other.url}{CHAT}/stream") as resumed:
            await resumed.rest()
        assert (resumed.client.text, resumed.client.finish) == (
            "The first half, and more",
            "finish",
        )
        assert resumed.client.message_id == direct.client.message_id
