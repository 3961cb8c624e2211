"""What is installed works: every module, the command, a server, its page, an event.

`.ci/test-wheel` runs these over the wheel, with no sources beside them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from posixpath import dirname, join, normpath
from typing import Final

import httpx
import pytest

import streamer
from support.processes import Program
from support.servers import Server
from support.waiting import DEADLINE, wait_until_blocking

#: The command as it was installed, not ``python -m``.
COMMAND: Final = str(Path(sys.executable).with_name("streamer"))
SERVING: Final = r"Serving at (http://127\.0\.0\.1:\d+)"


def run(*arguments: str) -> str:
    """Return what the command prints; it must succeed."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def url(valkey_server: Server, short_dir: Path, prefix: str) -> Iterator[str]:
    """The address of a `streamer serve` of the test's own."""
    environ = {
        "STREAMER_REDIS_URL": valkey_server.url,
        "STREAMER_PREFIX": prefix,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_DRAIN_SECONDS": "0.2",
    }
    with Program([COMMAND, "serve", "--port", "0"], environ=environ) as program:
        found = program.wait_for(SERVING)[1]
        # It says where it listens before it is loaded; a busy machine takes seconds for that.
        wait_until_blocking(
            lambda: httpx.get(f"{found}/readyz").is_success,
            "the server did not become ready",
        )
        yield found


#: What integrations are for, and nobody has who does not use it.
OTHERS: Final = frozenset({"arq", "celery", "django", "rq", "sqlalchemy", "taskiq"})


@contextmanager
def unless_it_is_for_what_is_not_there() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in OTHERS:
            raise


def test_every_module_can_be_imported() -> None:
    # It imports packages to look into them, and passes over those that cannot be.
    names = {module.name for module in walk_packages(streamer.__path__, "streamer.")}
    assert len(names) > 100
    for name in names - {"streamer.__main__"}:
        with unless_it_is_for_what_is_not_there():
            import_module(name)


def test_every_public_name_is_there() -> None:
    for name in streamer.__all__:
        with unless_it_is_for_what_is_not_there():
            assert getattr(streamer, name)


def test_the_command_shows_its_help() -> None:
    shown = run("--help")
    assert all(f" {command} " in shown for command in ("run", "serve", "worker", "tail"))


def test_the_page_and_all_that_it_loads_are_served(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        page = client.get("/").raise_for_status().text
        waiting = re.findall(r'(?:src|href)="(web/[^"]+)"', page)
        assert "web/app.js" in waiting
        loaded = set()
        while waiting:
            name = waiting.pop()
            if name not in loaded:
                loaded.add(name)
                text = client.get(f"/{name}").raise_for_status().text
                for found in re.findall(r'(?:from|import) "(\.[^"]+)"', text):
                    waiting.append(normpath(join(dirname(name), found)))
    assert len([name for name in loaded if name.endswith(".js")]) > 10


def test_what_is_published_is_streamed(url: str) -> None:
    """Over a real log: its scripts are in the wheel too."""
    topic = "projects/wheel"
    progress = run("publish", "--url", url, topic, "progress", '{"progress":0.5}').strip()
    completed = run("publish", "--url", url, topic, "completed", "{}").strip()
    lines = run("tail", "--url", url, topic, "--from", "earliest", "--until", "end")
    events = [json.loads(line) for line in lines.splitlines()]
    assert [event["id"] for event in events if event.get("id") in {progress, completed}] == [
        progress,
        completed,
    ]
