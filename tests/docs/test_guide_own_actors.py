"""docs/guides/own-actors.md: its modules run as they stand there, and its commands print that."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from streamer.config.settings import Settings
from support.console import Console, shown_in
from support.documents import file_in
from support.live import StartLive
from support.processes import streamer
from support.requirements import needs

GUIDE: Final = "docs/guides/own-actors.md"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where its commands are run: with the files that it shows, and a quiet curl."""
    for program in ("curl", "jq"):
        needs(program)
    for name in ("tasks.py", "with_broker.py"):
        (tmp_path / name).write_text(file_in(GUIDE, name))
    (tmp_path / ".curlrc").write_text("silent\n")
    return tmp_path


def test_every_command_prints_what_the_guide_shows(
    start_live: StartLive, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = directory / "bin" / "streamer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m streamer "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    live = start_live()
    with streamer("worker", "tasks", cwd=directory, environ=live.environ) as worker:
        worker.wait_for("running jobs in")
        Console(directory, live.port).run(shown_in(GUIDE))
        assert "cover 320" in worker.out
        assert worker.stop() == 0, str(worker)


def test_its_module_with_a_broker_is_one(job_settings: Settings, directory: Path) -> None:
    """Nothing listens where the broker is: it is found, and waited for."""
    path = directory / "with_broker.py"
    path.write_text(path.read_text().replace("localhost:6379", "127.0.0.1:1"))
    environ = job_settings.to_env()
    with streamer("worker", "with_broker", cwd=directory, environ=environ) as worker:
        worker.wait_for("jobs wait: their Redis cannot be used")
        assert worker.stop() == 0, str(worker)
