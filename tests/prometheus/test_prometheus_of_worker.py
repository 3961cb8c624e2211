"""Workers are shown beside the servers of their host."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import pytest

from streamer.prometheus.of_worker import reporting
from streamer.prometheus.shared import Share
from support.waiting import wait_until_blocking

WORKERS = ("streamer_processes", "", ("worker",))
CPU = ("streamer_cpu_seconds", "", ())


def test_a_worker_is_there_while_it_runs_and_what_it_took_afterwards(tmp_path: Path) -> None:
    with contextlib.closing(Share(tmp_path)) as server:
        with reporting(tmp_path):
            wait_until_blocking(lambda: server.read().get(WORKERS) == 1, "it was not shown")
        numbers = server.read()
        assert WORKERS not in numbers
        assert numbers[CPU] > 0


def test_a_directory_that_cannot_be_written_to_is_named_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.ERROR), reporting(tmp_path / "file" / "below"):
        pass
    (said,) = caplog.messages
    assert f"{tmp_path}/file/below" in said
    assert "STREAMER_METRICS_DIR" in said


def test_nobody_reports_where_nobody_reads() -> None:
    with reporting(None):
        pass
