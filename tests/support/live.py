"""A real Streamer server process, over the fast path and over the portable one."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest

from .certificate import context_of
from .ports import free_port
from .processes import Program
from .servers import Server
from .waiting import wait_until_blocking


class Live:
    """One running server; a test may kill it and start it again on its port."""

    def __init__(self, path: str, redis_url: str, data_dir: Path, **settings: str) -> None:
        self.path: Final = path
        self.port: Final = free_port()
        tls = "s" if "STREAMER_TLS_CERT" in settings else ""
        self.url: Final = f"http{tls}://127.0.0.1:{self.port}"
        self.ws_url: Final = f"ws{tls}://127.0.0.1:{self.port}"
        #: What its clients trust, if they have to: the issuer of its certificate.
        self.verify: Final = context_of(settings.get("STREAMER_TLS_CERT"))
        self.environ: Final = {
            "STREAMER_PORT": str(self.port),
            "STREAMER_REDIS_URL": redis_url,
            "STREAMER_DATA_DIR": str(data_dir),
            "STREAMER_DRAIN_SECONDS": "0.2",
            # A suite publishes more, and leaves more uploads unfinished, than one client may.
            "STREAMER_PUBLISH_RATE": "0",
            "STREAMER_UPLOAD_MAX_UNFINISHED": "10000",
            "STREAMER_UPLOAD_MAX_PER_SUBJECT": "10000",
            "STREAMER_PREFIX": f"test-{secrets.token_hex(6)}",
            **settings,
        }
        self._stack = ExitStack()
        self.program: Program | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        if self.path == "fast":
            command = [sys.executable, "-m", "streamer", "serve"]
        else:
            command = [sys.executable, "-m", "uvicorn", "--factory", "support.portable_app:create"]
            command += ["--port", str(self.port), "--timeout-graceful-shutdown", "5"]
            command += ["--app-dir", str(Path(__file__).parent.parent), "--loop", "uvloop"]
        self.program = self._stack.enter_context(Program(command, environ=self.environ))
        wait_until_blocking(self._is_ready, "the server did not become ready")

    def kill(self) -> None:
        """As a crash would: no last words."""
        assert self.program is not None
        os.killpg(self.program.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End it in order, and everything it started."""
        self._stack.close()

    def _is_ready(self) -> bool:
        assert self.program is not None
        assert self.program.running, f"the server ended at once: {self.program}"
        try:
            return httpx.get(f"{self.url}/readyz", verify=self.verify).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


#: Starts a server of a test's own: path ("fast" or "portable"), settings.
StartLive = Callable[..., Live]


@pytest.fixture(scope="session")
def _shared_live(_server_of: Callable[[str], Server]) -> Iterator[Callable[[str], Live]]:
    running: dict[str, Live] = {}
    with ExitStack() as stack:

        def live_of(path: str) -> Live:
            if path not in running:
                directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="st-"))
                # All that a server can do, it does.
                live = running[path] = Live(
                    path,
                    _server_of("redis").url,
                    Path(directory),
                    STREAMER_PUSH_SUBJECT="mailto:ops@example.com",
                )
                stack.callback(live.stop)
                live.start()
            return running[path]

        yield live_of


@pytest.fixture(params=["fast", "portable"])
def live(request: pytest.FixtureRequest, _shared_live: Callable[[str], Live]) -> Live:
    """A server of the whole session, over either path; do not break it."""
    return _shared_live(str(request.param))


@pytest.fixture
def live_server(_shared_live: Callable[[str], Live]) -> Live:
    """The server of the whole session that people run; do not break it."""
    return _shared_live("fast")


@pytest.fixture
def start_live(redis_server: Server, short_dir: Path) -> Iterator[StartLive]:
    """Start servers of the test's own, to be killed and restarted; all are stopped."""
    with ExitStack() as stack:

        def start(
            path: str = "fast",
            *,
            redis_url: str | None = None,
            **settings: str,
        ) -> Live:
            live = Live(path, redis_url or redis_server.url, short_dir, **settings)
            stack.callback(live.stop)
            live.start()
            return live

        yield start


@pytest.fixture
def project() -> str:
    """A project id that no other test has."""
    return f"p-{secrets.token_hex(6)}"
