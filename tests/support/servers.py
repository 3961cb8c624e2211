"""Real Redis and Valkey servers, and an event log over each of them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import redis

from streamer.config.retention import RetentionPolicy
from streamer.eventlog.base import EventLog
from streamer.eventlog.embedded.binary import find_server_binary
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog

from .requirements import needs
from .waiting import DEADLINE, wait_until_blocking


class Server:
    """A Redis or Valkey on a Unix socket, which a test may kill, stop and start again."""

    def __init__(self, binary: str, directory: Path, *settings: str) -> None:
        self._command: Final = (
            *(binary, "--port", "0", "--unixsocket", str(directory / "s"), "--dir", str(directory)),
            *("--save", "", "--appendonly", "yes", *settings),
        )
        self.url: Final = f"unix://{directory / 's'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until_blocking(self._answers, f"{self._command[0]} did not come up")

    def kill(self) -> None:
        """As a crash would: no last words."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def freeze(self) -> None:
        """The process lives, its sockets are open, and it does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self.runs:
            self.thaw()
            self.kill()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended at once"
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class FakeClock:
    """Milliseconds since 1970 that only a test moves."""

    def __init__(self, now: int = 1_738_483_210_123) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose name is short enough for a Unix socket in it."""
    directory = Path(tempfile.mkdtemp(prefix="st-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def _server_of() -> Iterator[Callable[[str], Server]]:
    running: dict[str, tuple[Server, Path]] = {}

    def server_of(kind: str) -> Server:
        if kind not in running:
            binary = str(find_server_binary()) if kind == "valkey" else needs("redis-server")
            directory = Path(tempfile.mkdtemp(prefix="st-"))
            server = Server(binary, directory)
            running[kind] = server, directory
            server.start()
        return running[kind][0]

    yield server_of
    for server, directory in running.values():
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def redis_server(_server_of: Callable[[str], Server]) -> Server:
    """The Redis 7 of the whole session; do not break it."""
    return _server_of("redis")


@pytest.fixture
def valkey_server(_server_of: Callable[[str], Server]) -> Server:
    """The embedded Valkey of the whole session; do not break it."""
    return _server_of("valkey")


@pytest.fixture
def own_server(short_dir: Path) -> Iterator[Server]:
    """A Redis of the test's own, to be killed and frozen; it keeps what it has answered.

    One that syncs its file each second also puts off writing to it while it syncs.
    """
    server = Server(needs("redis-server"), short_dir, "--appendfsync", "always")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test has."""
    return f"test-{secrets.token_hex(6)}"


#: Makes an event log with a retention; the fixture closes it.
OpenLog = Callable[..., EventLog]


@pytest.fixture(params=["memory", "valkey", "redis", "sentinel", "cluster"])
def log_kind(request: pytest.FixtureRequest) -> str:
    """Which event log a test of the contract runs over."""
    return str(request.param)


@pytest.fixture
async def open_log(
    log_kind: str, prefix: str, request: pytest.FixtureRequest
) -> AsyncIterator[OpenLog]:
    """Open the test's event log, of the kind it runs over, with a retention."""
    opened: list[EventLog] = []

    def open_with(retention: RetentionPolicy | None = None) -> EventLog:
        log: EventLog
        if log_kind == "memory":
            log = MemoryEventLog(retention=retention)
        else:
            # As patient as the tests are: a machine may stall for as long as a server is given.
            log = RedisEventLog(
                _url_of(log_kind, request), prefix=prefix, retention=retention, timeout=DEADLINE / 2
            )
        opened.append(log)
        return log

    yield open_with
    await asyncio.gather(*(log.close() for log in opened))


def _url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """Where the server, or servers, of a kind of log are; started once a session."""
    if kind == "sentinel":
        return str(request.getfixturevalue("_sentinel_trio").url)
    if kind == "cluster":
        return str(request.getfixturevalue("cluster").url)
    return str(request.getfixturevalue("_server_of")(kind).url)


@pytest.fixture
def log(open_log: OpenLog) -> EventLog:
    """An event log with the default retention, over each kind of log."""
    return open_log()
