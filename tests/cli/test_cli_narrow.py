"""What is printed for a person fits a terminal of 80 columns: what is read off it is whole."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import pytest
from rich.console import Console

from streamer.cli.topic_sheet import show_topic
from streamer.config.settings import SETTINGS
from support.live import Live
from support.terminal import Terminal

HEADINGS: Final = ("TOPIC", "EVENTS", "SIZE", "NEWEST", "EXPIRES", "READERS")


@pytest.fixture
def job(live_server: Live) -> str:
    """A job that has told something, under a name as queues give them."""
    name = str(uuid4())
    event = {
        "topics": [f"projects/{name}", f"jobs/{name}"],
        "type": "progress",
        "task_name": "encode",
        "progress": 0.5,
        "message": "half way through all that there is to do",
    }
    httpx.post(f"{live_server.url}/api/v1/events", json=event).raise_for_status()
    return name


def test_topics_of_jobs_and_all_headings_are_whole(live_server: Live, job: str) -> None:
    with Terminal("topics", f"jobs/{job}", "--url", live_server.url) as terminal:
        assert terminal.wait() == 0
        assert terminal.rows[0].split() == [*HEADINGS]
        assert terminal.rows[1].startswith(f"jobs/{job} ")


def test_of_the_newest_events_the_ids_and_types_are_whole(live_server: Live, job: str) -> None:
    with Terminal("inspect", f"jobs/{job}", "--url", live_server.url) as terminal:
        assert terminal.wait() == 0
        (row,) = re.findall(r"^\d+-\d+  progress .*", terminal.everything, re.MULTILINE)
        assert '{"task_name":"encode","progress":0.5,' in row
        assert row.endswith("…")
        assert len(row) <= 80


def test_fields_are_shown_without_whose_they_are() -> None:
    fields = '{"project_id":"demo","job_id":"j","task_name":"encode"}'
    said = StringIO()
    topic = {
        "topic": "jobs/j",
        "events": 1,
        "bytes": 1,
        "parts": 0,
        "retention": {"prefix": "", "length": 1, "age": 1.0, "set_by": "settings"},
        "first": None,
        "last": None,
        "trimmed": None,
        "expires_at": None,
        "readers": 0,
        "read_to": {},
        "snapshot": {},
        "newest": [{"id": "1-0", "type": "progress", "fields": fields}],
    }
    show_topic(topic, Console(file=said, width=80), now=None)  # type: ignore[arg-type]
    assert '1-0  progress  {"task_name":"encode"}' in said.getvalue()


@pytest.mark.parametrize("command", ["check", "--help"])
def test_what_a_setting_is_stands_below_it_in_whole_lines(command: str, short_dir: Path) -> None:
    environ = {"STREAMER_DATA_DIR": str(short_dir), "STREAMER_PORT": "0"}
    with Terminal(command, environ=environ) as terminal:
        assert terminal.wait() == 0
        lines = [line.removeprefix("│ ") for line in terminal.everything.splitlines()]
    for setting in SETTINGS.values():
        (at,) = (n for n, line in enumerate(lines) if line.startswith(f"{setting.variable} "))
        assert lines[at + 1].startswith(f"  {setting.help[:40].rpartition(' ')[0]}")
