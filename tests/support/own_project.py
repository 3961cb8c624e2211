"""A user's project with actors of its own, in a directory of a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

#: Without a broker of its own; each actor is one that its tests are about.
TASKS = '''
import asyncio
import pathlib
import threading
from typing import Annotated

import dramatiq
from msgspec import Meta

import streamer


@streamer.job_kind
@dramatiq.actor(max_retries=0)
def thumbnail(source: str, width: Annotated[int, Meta(ge=1, le=4096)] = 320, *, project_id: str):
    """Draw a small picture."""
    return {"source": source, "width": width, "project": project_id, "version": 1}


@streamer.job_kind("wait-a-bit")
@dramatiq.actor(queue_name="slow")
async def wait(n: int = 1):
    await asyncio.sleep(0)
    return streamer.progress().job_id and n


@streamer.job_kind
@dramatiq.actor(max_retries=0)
def hangs_once(flag: str):
    streamer.progress().update(0.5, "working")
    if pathlib.Path(flag).exists():
        return "done"
    pathlib.Path(flag).touch()
    while True:
        streamer.progress().raise_if_cancelled()
        threading.Event().wait(0.05)


@dramatiq.actor
def private(n: int):
    pass
'''

#: The same, of which the second half is another module, with a broker of its own.
BROKER = """
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ["OWN_REDIS"], namespace=os.environ["OWN_NAMESPACE"])
broker.heartbeat_timeout = 1000
broker.maintenance_chance = 1_000_000
dramatiq.set_broker(broker)
"""

Write = Callable[..., Path]


@pytest.fixture
def own_project(tmp_path: Path) -> Write:
    """Write modules into a project, and return its directory."""

    def write(**modules: str) -> Path:
        for name, text in modules.items():
            path = tmp_path / "project" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return tmp_path / "project"

    return write
