"""``streamer run``: the event log, a server and a worker, as one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import rich_click as click

from ..config.ai import BUILTIN
from ..config.settings import Settings
from ..errors import StreamerError
from ..processes.child import Child, Leash
from ..processes.keeper import CRASH_LOOP, keep
from ..processes.replaced import GRACE, UNUSABLE, Replaced
from ..processes.stop_signals import rereads_at_hangup, stop_signals
from .announced import announcing
from .banner import Banner
from .command import Command
from .directories import make_directories
from .listen import address, listen
from .log_url import refuse_jobs_in_a_cluster
from .needed_certificate import itself, needed_certificate, reachable_at
from .options import warn_of_misspelt, with_settings
from .reload import changes, check_reload
from .serve import STOP_MARGIN
from .sharing import sharing
from .strangers import refuse_strangers
from .worker import worker_name

#: Seconds between two looks whether a starting server answers.
_LOOK_AGAIN: Final = 0.05
#: Seconds between two looks once it does, and its event log does not.
_LOOK_AT_LOG: Final = 0.5
#: Seconds that an event log gets to answer before its absence is reported.
_LOG_PATIENCE: Final = 2.0
#: Seconds that `/readyz` gets: it asks a Redis that may not answer.
_ANSWER: Final = 10.0


@click.command(cls=Command)
@click.argument("modules", nargs=-1, metavar="[MODULE[:BROKER]]...")
@with_settings(
    *("host", "port", "tls_cert", "tls_key", "data_dir", "redis_url", "workers", "job_threads"),
    "log_level",
)
@click.option("--reload", is_flag=True, help="Load MODULE again when a Python file here changes.")
def run(settings: Settings, modules: tuple[str, ...], *, reload: bool) -> None:
    """Start everything: an event log of its own, the server with its page, and a worker.

    With MODULE a second worker runs the Dramatiq actors in it, as `streamer worker MODULE`
    does. With --reload one with the new code takes its place whenever a Python file below
    this directory changes, if that can be loaded; server and log go on. One Ctrl-C stops
    all of it. With --redis-url or STREAMER_REDIS_URL the log is that Redis. A part that
    dies is started again. The exit code is 0 if it was asked to stop, 1 if it could not
    start or a part died again and again, 2 for a wrong call, or a MODULE that cannot be run.

    Example: streamer run myapp.tasks --reload
    """
    if reload:
        check_reload(modules)
    warn_of_misspelt()
    refuse_strangers(settings)
    refuse_jobs_in_a_cluster(settings)
    certificate = needed_certificate(settings)
    make_directories(settings, ("data_dir", "media_dir", "output_dir"))
    banner = Banner()
    with (
        _event_log(settings, banner) as redis_url,
        listen(settings.host, settings.port, settings.data_dir, banner.problem) as bound,
    ):
        reachable = msgspec.structs.replace(
            reachable_at(msgspec.structs.replace(settings, port=address(bound)[1]), certificate),
            redis_url=redis_url,
            # What is tried out is to be seen; elsewhere nobody answers who is not asked to.
            ai_url=settings.ai_url or BUILTIN,
        )
        with announcing(settings.data_dir, reachable.base_url) as held, sharing(reachable) as ours:
            actors = _Actors(modules, Path.cwd() if reload else None)
            code = asyncio.run(_Run(ours, bound, held, banner, actors).run())
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


class _Actors(NamedTuple):
    """A user's own: the modules that they are in, and the directory whose changes count, if any."""

    modules: tuple[str, ...]
    watched: Path | None


class _Run:
    """The server and the workers, from their start to their end in order."""

    def __init__(
        self,
        settings: Settings,
        bound: socket.socket,
        held: tuple[int, ...],
        banner: Banner,
        actors: _Actors,
    ) -> None:
        self._settings: Final = settings
        self._bound: Final = bound
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
        self._own: Final = (
            Replaced(
                worker_name(actors.modules),
                ["worker", *actors.modules],
                self._leash,
                environ,
                banner.problem,
                watched=actors.watched is not None,
            )
            if actors.modules
            else None
        )
        self._actors: Final = actors

    async def run(self) -> int:
        """Return the exit code, when all is stopped: 0 if that was asked for."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._asked_to_stop)
        if rereads_at_hangup(has_certificate=self._settings.tls_cert is not None):
            loop.add_signal_handler(signal.SIGHUP, self._server.hang_up)
        with self._leash:
            server = asyncio.create_task(
                keep(self._server, self._stop, self._banner.problem, gives_up_after=CRASH_LOOP)
            )
            # However often it dies: its jobs are in the log's Redis.
            worker = asyncio.create_task(keep(self._worker, self._stop, self._banner.problem))
            own = asyncio.create_task(self._keep_own())
            watching = asyncio.create_task(self._watch())
            asked = asyncio.create_task(self._stop.wait())
            ready = asyncio.create_task(self._report_readiness())
            await asyncio.wait({asked, server, own}, return_when=asyncio.FIRST_COMPLETED)
            self._stop.set()
            ready.cancel()
            watching.cancel()
            await self._stop_in_order()
            stopped, usable, _, _ = await asyncio.gather(server, own, worker, asked)
        if not usable:
            return UNUSABLE
        return 0 if stopped else 1

    async def _keep_own(self) -> bool:
        """Run a user's own actors, if there are any; False if they cannot be."""
        if self._own is not None:
            return await self._own.keep(self._stop)
        await self._stop.wait()
        return True

    async def _watch(self) -> None:
        """Load a user's own actors again when they change."""
        if self._own is not None and self._actors.watched is not None:
            async for files in changes(self._actors.watched):
                self._own.changed(files)

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
        async with httpx.AsyncClient(timeout=_ANSWER, trust_env=False, verify=False) as client:  # noqa: S501 - our own process
            while True:
                pause = _LOOK_AGAIN
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"{itself(self._settings)}/readyz")
                    if answer.is_success:
                        self._banner.ready(
                            self._settings,
                            self._actors.modules,
                            reloads=self._actors.watched is not None,
                        )
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
        # The server's is its own. When it ends, nobody is left waiting in ours.
        self._bound.close()
        at_once = asyncio.create_task(self._stop_at_once.wait())
        try:
            for child, grace in (
                (self._server, self._settings.drain_seconds + STOP_MARGIN),
                (self._own, GRACE),
                (self._worker, GRACE),
            ):
                if child is None or not child.running:
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
