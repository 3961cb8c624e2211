"""An AI server, a worker, a server and a Redis of ours, each of which a test may break."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from .ai_server import AiServer, Step
from .live import Live
from .processes import Program
from .quick_worker import quick_worker
from .requirements import needs
from .servers import Server


class Place:
    """All of it, for all tests: whoever breaks something mends it.

    Attributes:
        redis: keeps all that it has answered, whenever it is killed.
        live: the server.
        worker: its death is noticed after a second.
    """

    def __init__(self, redis: Server, stack: ExitStack, directory: Path) -> None:
        self.redis: Final = redis
        self._stack: Final = stack
        self._scripts: Final[dict[str, list[Sequence[Step]]]] = {}
        self._holds: Final[list[threading.Event]] = []
        self.model: Final = stack.enter_context(AiServer(self._script))
        self.live: Final = Live("fast", redis.url, directory, STREAMER_AI_URL=self.model.url)
        stack.callback(self.live.stop)
        stack.callback(self.let_go)
        self.live.start()
        self.start_worker()

    def start_worker(self) -> None:
        self.worker: Program = self._stack.enter_context(quick_worker(self.live.environ, 4))
        self.worker.wait_for("working")

    def hold(self) -> threading.Event:
        """What a model waits for; it is set when the test is over."""
        self._holds.append(threading.Event())
        return self._holds[-1]

    def says(self, question: str, *attempts: Sequence[Step]) -> None:
        """What the model says to a question, each time that it is asked; the last again."""
        self._scripts[question] = list(attempts)

    def mend(self) -> None:
        """Have all of it run, for the next test, whatever this one left broken."""
        self.let_go()
        if not self.redis.runs:
            self.redis.start()
        if self.live.program is None or not self.live.program.running:
            self.live.start()
        if not self.worker.running:
            self.start_worker()

    def let_go(self) -> None:
        """Let every model that waits go on."""
        for hold in self._holds:
            hold.set()
        self._holds.clear()

    def _script(self, body: dict[str, Any]) -> Sequence[Step]:
        asked = body.get("input") or body["messages"][-1]["content"]
        attempts = self._scripts[asked]
        return attempts.pop(0) if len(attempts) > 1 else attempts[0]


@pytest.fixture(scope="session")
def _place() -> Iterator[Place]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-")))
        redis = Server(needs("redis-server"), directory, "--appendfsync", "always")
        stack.callback(redis.stop)
        redis.start()
        yield Place(redis, stack, directory)


@pytest.fixture
def place(_place: Place) -> Iterator[Place]:
    yield _place
    _place.mend()
