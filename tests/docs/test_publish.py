"""docs/PUBLISH.md: its code publishes, its commands work."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import httpx
import pytest

from support.documents import EXAMPLE, blocks
from support.live import Live, StartLive
from support.requirements import needs
from support.waiting import DEADLINE, wait_until_blocking

GUIDE: Final = "docs/PUBLISH.md"


@pytest.fixture
def live(start_live: StartLive) -> Live:
    """A server of the log that its code names: that of the prefix by default."""
    return start_live(STREAMER_PREFIX="streamer")


def run(live: Live, *command: str) -> str:
    log = {name: live.environ[name] for name in ("STREAMER_REDIS_URL", "STREAMER_PREFIX")}
    environ = os.environ | log | {"STREAMER_URL": live.url}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


def published(live: Live, topic: str) -> list[str]:
    answer = httpx.get(f"{live.url}/api/v1/events", params={"topic": topic}).raise_for_status()
    return [event["type"] for event in answer.json()["events"]]


def test_the_python_publishes(live: Live) -> None:
    """The actor's as far as it is there; README's is run by a worker."""
    actor, publisher, in_a_loop = (
        text.replace("redis://localhost:6379", live.environ["STREAMER_REDIS_URL"])
        for text in blocks(GUIDE, "python")
    )
    before = len(published(live, "chats/42"))
    for text in (actor, publisher):
        run(live, sys.executable, "-W", "error", "-c", text)
    wait_until_blocking(
        lambda: published(live, "chats/42")[before:] == ["said"], "it published nothing"
    )
    assert published(live, "projects/demo")[-1] == "progress"
    assert run(live, sys.executable, "-W", "error", "-c", in_a_loop).strip()
    assert published(live, "chats/42")[before:] == ["said", "said"]


def test_the_commands_publish(live: Live) -> None:
    lines = [line for block in blocks(GUIDE, "sh") for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        command = line.replace(EXAMPLE, f"127.0.0.1:{live.port}")
        if command.startswith("curl"):
            command = command.replace("curl", f"{needs('curl')} -sf", 1)
        else:
            command = f"{sys.executable} -m {command}"
        assert run(live, "bash", "-c", command)
    assert published(live, "users/7")[-1] == "said"
    assert published(live, "projects/demo")[-1] == "progress"
