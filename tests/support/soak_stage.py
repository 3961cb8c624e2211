"""What a soak happens to: two servers behind nginx, a worker, a Redis, and proxies between."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .fault_stage import TESTS, QuickLive, Stage
from .nginx import nginx_before
from .processes import Program
from .quota_redis import QuotaRedis
from .tcp_proxy import TcpProxy
from .waiting import wait_until_blocking

#: All that is kept is kept for so short that a soak sees it go, many times over.
SETTINGS: Final = {
    "STREAMER_RETENTION_LENGTH": "2000",
    "STREAMER_RETENTION_AGE": "120",
    "STREAMER_TAIL_EVENTS": "200",
    "STREAMER_UPLOAD_TTL": "60",
    "STREAMER_OUTPUT_AGE": "60",
    "STREAMER_LEASE_SECONDS": "5",
    "STREAMER_JOB_RATE": "0",
    "STREAMER_PUBLISH_RATE": "0",
}


class SoakLive(QuickLive):
    """A server that forgets soon."""

    module = ("support.soak_program", "serve")


class SoakStage(Stage):
    """A stage of two servers: `elder` is never restarted, `server` is, over and over.

    Clients come by `client_line` to nginx, which has both.

    Attributes:
        directory: of the log's file, media, results, uploads.
        worker: does the jobs; a fault may end it, and `start_worker` starts another.
    """

    live = SoakLive

    def __init__(self, redis: QuotaRedis, seed: int, directory: Path) -> None:
        super().__init__(redis, seed, directory, **SETTINGS)
        self.directory: Final = directory
        same = {k: v for k, v in self.server.environ.items() if k != "STREAMER_PORT"}
        self.elder: Final = SoakLive("fast", self.redis_line.redis_url, directory, **same)
        self._url = ""
        self.worker: Program | None = None

    @property
    def url(self) -> str:
        """Of nginx."""
        return self._url

    def start_all(self) -> None:
        """Start both servers, nginx and a worker."""
        self.elder.start()
        self.start()
        ports = [self.elder.port, self.server.port]
        self._url = self._stack.enter_context(nginx_before(ports, self.directory))
        port = int(self._url.rpartition(":")[2])
        self.client_line = self._stack.enter_context(TcpProxy(("127.0.0.1", port)))
        self.start_worker()

    def start_worker(self) -> None:
        """Start a worker, whose line to Redis faults may cut."""
        environ = self.server.environ | {"STREAMER_REDIS_URL": self.worker_line.redis_url}
        command = [sys.executable, "-m", "support.soak_program", "worker"]
        self.worker = self._stack.enter_context(Program(command, environ=environ, cwd=TESTS))

    def end_worker(self, number: signal.Signals) -> None:
        """Send it a signal, and wait until it is gone."""
        assert self.worker is not None
        self.worker.signal(number)
        wait_until_blocking(lambda: not self.worker_runs, "the worker did not end")

    @property
    def worker_runs(self) -> bool:
        """Whether there is one."""
        return self.worker is not None and self.worker.running

    def stop(self) -> None:
        """Stop everything."""
        if self.elder.program is not None:
            self.elder.kill()
        super().stop()


@contextlib.contextmanager
def soaking(seed: int, directory: Path) -> Iterator[SoakStage]:
    """A stage with everything running."""
    # What is acknowledged is on its disk, and its file is made anew while it grows.
    redis = QuotaRedis(
        directory,
        *("--appendfsync", "always", "--maxmemory-policy", "noeviction"),
        *("--auto-aof-rewrite-min-size", "4mb", "--auto-aof-rewrite-percentage", "50"),
    )
    redis.start()
    stage = SoakStage(redis, seed, directory)
    try:
        stage.start_all()
        yield stage
    finally:
        stage.stop()
        redis.stop()
