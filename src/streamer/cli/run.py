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

from ..errors import StreamerError
from ..settings import Settings
from ..stop_signals import stop_signals
from .banner import Banner
from .child import Child, Leash, how_it_ended
from .command import Command
from .listen import address, listen
from .log_url import refuse_jobs_in_a_cluster
from .options import with_settings
from .serve import STOP_MARGIN

#: Seconds that a worker gets to hand back its jobs and flush what they published.
_WORKER_GRACE: Final = 15.0
#: Seconds between the deaths of a worker and its next start: the first, and the longest.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
#: Seconds after which a worker that dies has lived long enough to start over at once.
_HEALTHY_LIFE: Final = 60.0
#: Seconds between two looks whether a starting server answers.
_LOOK_AGAIN: Final = 0.05


@click.command(cls=Command)
@with_settings("host", "port", "data_dir", "redis_url", "workers", "job_threads", "log_level")
def run(settings: Settings) -> None:
    """Start everything: an event log of its own, the server with its page, and a worker.

    One Ctrl-C stops all of it. With --redis-url or STREAMER_REDIS_URL the log is
    that Redis.
    """
    refuse_jobs_in_a_cluster(settings)
    banner = Banner()
    with _event_log(settings, banner) as redis_url, listen(settings.host, settings.port) as bound:
        reachable = msgspec.structs.replace(
            settings, redis_url=redis_url, port=address(bound)[1], url=None
        )
        code = asyncio.run(_Run(reachable, bound, banner).run())
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
    from ..eventlog.embedded import EmbeddedServer

    embedded = EmbeddedServer(settings.data_dir)
    try:
        embedded.start()
    except StreamerError as error:
        raise click.ClickException(error.detail) from error
    try:
        banner.log_in(settings.data_dir)
        yield embedded.url
    finally:
        embedded.stop()


class _Run:
    """The server and the worker, from their start to their end in order."""

    def __init__(self, settings: Settings, bound: socket.socket, banner: Banner) -> None:
        self._settings: Final = settings
        self._banner: Final = banner
        self._stop: Final = asyncio.Event()
        self._stop_at_once: Final = asyncio.Event()
        self._leash: Final = Leash()
        environ = settings.to_env()
        fd = bound.fileno()
        self._server: Final = Child(
            "server", ["serve", "--fd", str(fd)], self._leash, environ, fds=[fd]
        )
        self._worker: Final = Child("worker", ["worker"], self._leash, environ)

    async def run(self) -> int:
        """Return the exit code, when all is stopped: 0 if that was asked for."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._asked_to_stop)
        with self._leash:
            asked = asyncio.create_task(self._stop.wait())
            await self._server.start()
            ended = asyncio.create_task(self._server.wait())
            keeper = asyncio.create_task(self._keep_worker())
            ready = asyncio.create_task(self._tell_when_ready())
            await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
            failed = ended.done() and not asked.done()
            if failed:
                self._banner.problem(
                    f"The server ended by itself ({how_it_ended(ended.result())}); "
                    "what it said is above. Everything else is stopped too."
                )
            self._stop.set()
            ready.cancel()
            await self._stop_in_order()
            await asyncio.gather(asked, ended, keeper)
        return 1 if failed else 0

    def _asked_to_stop(self) -> None:
        # The second Ctrl-C says: do not wait.
        if self._stop.is_set():
            self._stop_at_once.set()
        self._stop.set()

    async def _tell_when_ready(self) -> None:
        import httpx

        url = f"{self._settings.base_url}/healthz"
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            while self._server.running:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(url)).is_success:
                        self._banner.ready(self._settings)
                        return
                await asyncio.sleep(_LOOK_AGAIN)

    async def _keep_worker(self) -> None:
        """Run the worker, and start it again when it dies: its jobs are in the log's Redis."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = loop.time()
            await self._worker.start()
            code = await self._worker.wait()
            if self._stop.is_set():
                return
            pause = _FIRST_PAUSE if loop.time() - began > _HEALTHY_LIFE else pause
            self._banner.problem(
                f"The worker ended ({how_it_ended(code)}); starting it again in {pause:g} s."
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            pause = min(2 * pause, _LONGEST_PAUSE)

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
