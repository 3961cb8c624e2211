"""What end-to-end tests stand on: everything, as a person starts it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import browser, chromium  # noqa: F401 - fixtures of these tests alone
from support.firefox import firefox, firefox_of_session  # noqa: F401 - likewise
from support.front_end import front_end  # noqa: F401 - likewise
from support.processes import streamer
from support.requirements import needs


@pytest.fixture(scope="session")
def everything() -> Iterator[str]:
    """``streamer run``: the address of a server with an event log and a worker of its own."""
    needs("ffmpeg")
    # A socket's path has 107 bytes at most; pytest's own directories are deep.
    with (
        tempfile.TemporaryDirectory(prefix="st-") as directory,
        streamer("run", "--port", "0", "--data-dir", Path(directory)) as program,
    ):
        yield program.wait_for(r"ready at (http://\S+)")[1]
        assert program.stop() == 0, str(program)
