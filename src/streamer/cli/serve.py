"""``streamer serve``: the HTTP server, in one process or several."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import rich_click as click

from ..settings import Settings
from ..stop_signals import stop_signals
from .child import Child, Leash, how_it_ended
from .command import Command
from .listen import address, listen
from .log_url import jobs_problem, needed_log_url
from .options import with_settings
from .parent import end_with_parent

#: Seconds beyond the drain that a server gets to end by itself.
STOP_MARGIN = 10.0
#: Seconds before a server process that died is started again.
_RESTART_AFTER = 1.0


@click.command(cls=Command)
@with_settings("host", "port", "workers", "redis_url", "data_dir", "log_level")
@click.option("--fd", type=int, hidden=True, help="A socket that already listens.")
@click.option("--parent-pipe", type=int, hidden=True)
def serve(settings: Settings, fd: int | None, parent_pipe: int | None) -> None:
    """Serve streams, the page and the HTTP API.

    With --workers N it is N processes on one port; each has its own readers.
    """
    settings = msgspec.structs.replace(settings, redis_url=needed_log_url(settings))
    if fd is None and (problem := jobs_problem(settings)) is not None:
        click.echo(f"Jobs are refused: {problem}", err=True)
    end_with_parent(parent_pipe)
    with listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd) as bound:
        if fd is None:
            host, port = address(bound)
            shown = f"[{host}]" if ":" in host else host
            click.echo(f"Serving at http://{shown}:{port}", err=True)
        if settings.workers == 1:
            from ..server import serve as serve_here

            serve_here(settings, sockets=[bound])
        else:
            asyncio.run(_serve_in_processes(settings, bound))


async def _serve_in_processes(settings: Settings, bound: socket.socket) -> None:
    stop, stop_at_once = asyncio.Event(), asyncio.Event()

    def asked_to_stop() -> None:
        # The second time says: do not wait.
        if stop.is_set():
            stop_at_once.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, asked_to_stop)
    one = msgspec.structs.replace(settings, workers=1)
    bound.set_inheritable(True)
    with Leash() as leash:
        children = [
            Child(
                f"server {n + 1}",
                ["serve", "--fd", str(bound.fileno())],
                leash,
                one.to_env(),
                fds=[bound.fileno()],
            )
            for n in range(settings.workers)
        ]
        keepers = [asyncio.create_task(_keep(child, stop)) for child in children]
        await stop.wait()
        grace = settings.drain_seconds + STOP_MARGIN
        stopping = asyncio.gather(*(child.stop(grace) for child in children))
        at_once = asyncio.create_task(stop_at_once.wait())
        await asyncio.wait((stopping, at_once), return_when=asyncio.FIRST_COMPLETED)
        if at_once.done():
            await asyncio.gather(*(child.kill() for child in children))
        at_once.cancel()
        await stopping
        await asyncio.gather(*keepers)


async def _keep(child: Child, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await child.start()
        code = await child.wait()
        if stop.is_set():
            return
        click.echo(f"The {child.name} ended ({how_it_ended(code)}); starting it again.", err=True)
        try:
            async with asyncio.timeout(_RESTART_AFTER):
                await stop.wait()
        except TimeoutError:
            continue
