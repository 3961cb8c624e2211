"""``streamer run``: the event log, a server and a worker, as one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Final

import msgspec
import rich_click as click

from ..config.settings import Settings
from ..errors import StreamerError
from ..processes.child import Child, Leash
from ..processes.keeper import CRASH_LOOP, keep
from ..processes.stop_signals import stop_signals
from .announced import announcing
from .banner import Banner
from .command import Command
from .directories import make_directories
from .listen import address, listen
from .log_url import refuse_jobs_in_a_cluster
from .options import warn_of_misspelt, with_settings
from .serve import STOP_MARGIN
from .strangers import refuse_strangers

#: Seconds that a worker gets to hand back its jobs and flush what they published.
_WORKER_GRACE: Final = 15.0
#: Seconds between two looks whether a starting server answers.
_LOOK_AGAIN: Final = 0.05
#: Seconds between two looks once it does, and its event log does not.
_LOOK_AT_LOG: Final = 0.5
#: Seconds that an event log gets to answer before its absence is reported.
_LOG_PATIENCE: Final = 2.0
#: Seconds that `/readyz` gets: it asks a Redis that may not answer.
_ANSWER: Final = 10.0


@click.command(cls=Command)
@with_settings("host", "port", "data_dir", "redis_url", "workers", "job_threads", "log_level")
def run(settings: Settings) -> None:
    """Start everything: an event log of its own, the server with its page, and a worker.

    One Ctrl-C stops all of it. With --redis-url or STREAMER_REDIS_URL the log is
    that Redis. A part that dies is started again. The exit code is 0 if it was
    asked to stop, 1 if it could not start or a part died again and again, 2 for a
    wrong call.
    """
    warn_of_misspelt()
    refuse_strangers(settings)
    refuse_jobs_in_a_cluster(settings)
    make_directories(settings, ("data_dir", "media_dir", "output_dir"))
    banner = Banner()
    with (
        _event_log(settings, banner) as redis_url,
        listen(settings.host, settings.port, settings.data_dir, banner.problem) as bound,
    ):
        reachable = msgspec.structs.replace(
            settings, redis_url=redis_url, port=address(bound)[1], url=None
        )
        with announcing(settings.data_dir, reachable.base_url) as held:
            code = asyncio.run(_Run(reachable, bound, held, banner).run())
        if settings.redis_url is None:
            banner.stopping("Stopping the event log.")
    banner.stopped()
    sys.exit(code)


@contextlib.contextmanager
def _event_log(settings: Settings, banner: Banner) -> Iterator[str]:
    """The URL of the log: the Redis that is set, or a server of our own while we run."""
    if settings.redis_url is not None:
        banner.log_at(settings.redis_url)
        yield settings.redis_url
        return
    from ..eventlog.embedded.server import EmbeddedServer

    embedded = EmbeddedServer(settings.data_dir)
    try:
        embedded.start()
    except StreamerError as error:
        raise click.ClickException(error.detail) from error
    except OSError as error:
        raise click.ClickException(
            f"{settings.data_dir} cannot hold an event log: {error.strerror or error}. "
            "Choose another directory with --data-dir or STREAMER_DATA_DIR"
        ) from error
    try:
        banner.log_in(settings.data_dir)
        yield embedded.url
    finally:
        embedded.stop()


class _Run:
    """The server and the worker, from their start to their end in order."""

    def __init__(
        self, settings: Settings, bound: socket.socket, held: tuple[int, ...], banner: Banner
    ) -> None:
        self._settings: Final = settings
        self._banner: Final = banner
        self._stop: Final = asyncio.Event()
        self._stop_at_once: Final = asyncio.Event()
        self._leash: Final = Leash()
        environ = settings.to_env()
        fd = bound.fileno()
        self._server: Final = Child(
            "server", ["serve", "--fd", str(fd)], self._leash, environ, fds=[fd, *held]
        )
        self._worker: Final = Child("worker", ["worker"], self._leash, environ)

    async def run(self) -> int:
        """Return the exit code, when all is stopped: 0 if that was asked for."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._asked_to_stop)
        with self._leash:
            server = asyncio.create_task(
                keep(self._server, self._stop, self._banner.problem, gives_up_after=CRASH_LOOP)
            )
            # However often it dies: its jobs are in the log's Redis.
            worker = asyncio.create_task(keep(self._worker, self._stop, self._banner.problem))
            asked = asyncio.create_task(self._stop.wait())
            ready = asyncio.create_task(self._report_readiness())
            await asyncio.wait({asked, server}, return_when=asyncio.FIRST_COMPLETED)
            self._stop.set()
            ready.cancel()
            await self._stop_in_order()
            stopped, _, _ = await asyncio.gather(server, worker, asked)
        return 0 if stopped else 1

    def _asked_to_stop(self) -> None:
        # The second Ctrl-C says: do not wait.
        if self._stop.is_set():
            self._stop_at_once.set()
        self._stop.set()

    async def _report_readiness(self) -> None:
        """Say that readers are served, or why not; what comes later, the server logs itself."""
        import httpx

        loop = asyncio.get_running_loop()
        away_since: float | None = None
        reported = False
        async with httpx.AsyncClient(timeout=_ANSWER, trust_env=False) as client:
            while True:
                pause = _LOOK_AGAIN
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"{self._settings.base_url}/readyz")
                    if answer.is_success:
                        self._banner.ready(self._settings)
                        return
                    now = loop.time()
                    away_since = now if away_since is None else away_since
                    if not reported and now - away_since > _LOG_PATIENCE:
                        self._banner.not_ready(_failing(answer.content))
                        reported = True
                    pause = _LOOK_AT_LOG if reported else pause
                await asyncio.sleep(pause)

    async def _stop_in_order(self) -> None:
        """Let the server send its readers elsewhere, then the worker flush; Redis is last."""
        at_once = asyncio.create_task(self._stop_at_once.wait())
        try:
            for child, grace in (
                (self._server, self._settings.drain_seconds + STOP_MARGIN),
                (self._worker, _WORKER_GRACE),
            ):
                if not child.running:
                    continue
                self._banner.stopping(f"Stopping the {child.name}.")
                stopping = asyncio.create_task(child.stop(grace))
                await asyncio.wait({stopping, at_once}, return_when=asyncio.FIRST_COMPLETED)
                if at_once.done():
                    await child.kill()
                if not await stopping:
                    self._banner.problem(f"The {child.name} did not end in time and was killed.")
        finally:
            at_once.cancel()


def _failing(body: bytes) -> str:
    """What a `/readyz` says that is not ready: the first of its checks that failed."""
    with contextlib.suppress(msgspec.DecodeError):
        checks = msgspec.json.decode(body, type=_NotReady).checks
        # Of a log that cannot be reached, notifications only say that nothing is heard.
        for name in ("event_log", *checks):
            if checks.get(name, "ok") != "ok":
                return f"{name.replace('_', ' ')}: {checks[name]}"
    return "it does not say why"


class _NotReady(msgspec.Struct):
    checks: dict[str, str]
