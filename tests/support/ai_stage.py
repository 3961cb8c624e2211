"""What the tests of AI dialects share: an AI server, and two servers of ours before it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.config.settings import Settings
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.known_kinds import load_kinds
from streamer.jobs.worker import open_publisher

from .ai_server import AiServer, Answer
from .jobs import working
from .live import Live
from .servers import Server
from .waiting import DEADLINE


class Stage:
    """An AI server, and two servers of ours before it.

    Attributes:
        answers: what the AI server streams, by the `input`, or the last message, it is asked.
    """

    def __init__(self, stack: ExitStack, redis_url: str, path: str) -> None:
        self._stack: Final = stack
        self.answers: dict[str, Answer] = {}
        self.ai = stack.enter_context(AiServer(self._answer))
        given = {
            "STREAMER_PREFIX": f"test-{secrets.token_hex(6)}",
            "STREAMER_AI_URL": self.ai.url,
            "STREAMER_AI_KEY": "ours",
            "STREAMER_LEASE_SECONDS": "2",
            "STREAMER_JOB_RATE": "0",
        }
        self.lives: Final = [
            Live("fast", redis_url, Path(path), **given),
            Live("portable", redis_url, Path(path), **given),
        ]
        for live in self.lives:
            stack.callback(live.stop)
            live.start()
        self.settings: Final = Settings.from_env(self.lives[0].environ)

    def _answer(self, body: dict[str, Any]) -> Answer:
        asked = body.get("input") or body["messages"][-1]["content"]
        return self.answers[asked]

    def client(self, live: int = 0, path: str = "") -> Any:  # noqa: ANN401 - of its events, each is another type
        from openai import OpenAI

        url = f"{self.lives[live].url}/api/v1/openai/v1{path}"
        client = OpenAI(base_url=url, api_key="anything", max_retries=0)
        self._stack.callback(client.close)
        return client

    def http(self, live: int = 0) -> httpx.Client:
        return httpx.Client(base_url=f"{self.lives[live].url}/api/v1/openai/v1", timeout=DEADLINE)


@pytest.fixture(scope="session")
def stage(_server_of: Callable[[str], Server]) -> Iterator[Stage]:
    with ExitStack() as stack:
        path = stack.enter_context(tempfile.TemporaryDirectory(prefix="st-"))
        yield Stage(stack, _server_of("redis").url, path)


@pytest.fixture(scope="class")
def stage_worker(stage: Stage) -> Iterator[None]:
    with open_publisher(stage.settings) as publisher:
        broker = create_broker(stage.settings, publisher)
        declare_actors(broker, stage.settings, load_kinds().values())
        with working(broker, threads=8):
            yield
        broker.client.close()
