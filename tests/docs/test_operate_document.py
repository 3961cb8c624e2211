"""docs/OPERATE.md: every command prints what it says."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from support.console import Console, shown_in
from support.live import StartLive

DOCUMENT: Final = "docs/OPERATE.md"


def test_every_command_prints_what_the_document_shows(
    start_live: StartLive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start_live()
    monkeypatch.setenv("STREAMER_URL", live.url)
    command = tmp_path / "bin" / "streamer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m streamer "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    session = shown_in(DOCUMENT)
    assert len(session) > 9
    Console(tmp_path, live.port).run(session)
