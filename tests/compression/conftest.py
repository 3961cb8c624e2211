"""What the tests of compressed streams stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import streamer
from support.browser import browser, chromium  # noqa: F401 - fixtures of these tests alone
from support.client_runner import ClientRunner
from support.coded_story import OpenTap, Tap
from support.firefox import firefox, firefox_of_session  # noqa: F401 - likewise
from support.live import Live
from support.nginx import nginx_before

_ADAPTERS = Path(__file__).parent / "adapters"
#: Our own, as it is served.
_CLIENT = Path(streamer.__file__).parent / "web" / "client"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ClientRunner]:
    (tmp_path / "client").symlink_to(_CLIENT)
    with ClientRunner(tmp_path, _ADAPTERS) as clients:
        yield clients


@pytest.fixture
def open_tap(live_server: Live, short_dir: Path) -> Iterator[OpenTap]:
    """Open lines to the server; on those of zstd a proxy asks for it in its client's place."""
    with ExitStack() as stack:

        def opened(coding: str) -> Tap:
            port = live_server.port
            if coding == "zstd":  # else who takes both is given gzip
                front = nginx_before((port, port), short_dir, asking=coding)
                port = int(stack.enter_context(front).rpartition(":")[2])
            tap = Tap(port)
            stack.enter_context(tap.proxy)
            return tap

        yield opened
