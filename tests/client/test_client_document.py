"""docs/PYTHON.md: each of its programs runs, as it stands there."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import httpx
import pytest

from support.documents import blocks
from support.live import Live
from support.waiting import DEADLINE

GUIDE: Final = "docs/PYTHON.md"
PROGRAMS: Final = blocks(GUIDE, "python")
EVENTS: Final = (
    {"topic": "projects/demo", "type": "progress", "task_name": "encode", "progress": 0.5},
    {"topic": "jobs/8f3c", "type": "completed", "task_name": "encode", "result": 7},
)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_each_program_of_the_document_runs(number: int, live_server: Live) -> None:
    for event in EVENTS:
        httpx.post(f"{live_server.url}/api/v1/events", json=event).raise_for_status()
    program = PROGRAMS[number].replace("http://localhost:8000", live_server.url)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-u", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline(), running.stderr.read()
        end = {**EVENTS[0], "type": "completed", "result": 7}
        httpx.post(f"{live_server.url}/api/v1/events", json=end).raise_for_status()
        assert running.wait(DEADLINE) == 0
        assert running.stderr.read() == ""
