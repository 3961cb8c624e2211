"""``streamer serve``: the HTTP server, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import nullcontext
from typing import Final

import msgspec
import rich_click as click

from ..config.settings import Settings
from ..processes.child import Child, Leash
from ..processes.keeper import CRASH_LOOP, keep
from ..processes.parent import end_with_parent
from ..processes.replaced import UNUSABLE
from ..processes.stop_signals import rereads_at_hangup, stop_signals
from .announced import announcing
from .command import Command
from .listen import address, listen
from .log_url import jobs_problem, needed_log_url
from .needed_certificate import needed_certificate, reachable_at
from .options import warn_of_misspelt, with_settings
from .sharing import sharing
from .spared import import_later, without_telemetry
from .strangers import refuse_strangers, who_is_let_in

#: Seconds beyond the drain that a server gets to end by itself.
STOP_MARGIN = 10.0


@click.command(cls=Command)
@with_settings(
    "host", "port", "tls_cert", "tls_key", "workers", "redis_url", "data_dir", "log_level"
)
@click.argument("app", required=False, metavar="[MODULE:APP]")
@click.option("--fd", type=int, hidden=True, help="A socket that already listens.")
@click.option("--parent-pipe", type=int, hidden=True)
def serve(settings: Settings, app: str | None, fd: int | None, parent_pipe: int | None) -> None:
    """Serve streams, the page and the HTTP API; or an app of yours that these are mounted in.

    With --workers N it is N processes on one port; each has its own readers. On an
    address that others reach it starts only if STREAMER_AUTH_* says who is asking, or
    STREAMER_AUTH=none that nobody is asked. Whom an app of yours lets in, it says itself.
    """
    if fd is None:
        warn_of_misspelt()
        if app is None:
            refuse_strangers(settings)
    settings = msgspec.structs.replace(settings, redis_url=needed_log_url(settings))
    end_with_parent(parent_pipe)
    yours = None if app is None else _Yours(app, settings)
    certificate = needed_certificate(settings)
    if fd is not None:
        with socket.socket(fileno=fd) as bound:
            sys.exit(_serve(settings, bound, (), yours))
    with listen(settings.host, settings.port, settings.data_dir, _say) as bound:
        host, port = address(bound)
        reachable = reachable_at(msgspec.structs.replace(settings, port=port), certificate)
        shown = f"[{host}]" if ":" in host else host
        at = f"http://{shown}:{port}" if certificate is None else reachable.base_url
        _say(f"Serving {f'{app} ' if app else ''}at {at}")
        if yours is None:
            _say(who_is_let_in(settings))
        problem = jobs_problem(settings)
        _say(
            f"Jobs are refused: {problem}"
            if problem is not None
            else "Jobs that are queued here wait for a streamer worker on the same Redis."
        )
        with announcing(settings.data_dir, reachable.base_url) as held, sharing(settings) as ours:
            sys.exit(_serve(ours, bound, held, yours))


class _Yours:
    """An app that is not ours.

    Args:
        where: ``module:app``.
        settings: those that a `create_app()` in its module shall find.

    Raises:
        click.UsageError: it is not there.
        SystemExit: its module fails when it is imported; what failed is printed.
    """

    def __init__(self, where: str, settings: Settings) -> None:
        from ..server.application import NoApplication, application

        self.where: Final = where
        os.environ.update(settings.to_env())
        try:
            self.app: Final = application(where)
        except NoApplication as error:
            raise click.UsageError(str(error)) from error
        except Exception as error:  # noqa: BLE001 - whatever somebody else's module raises
            from ..jobs.own_modules import why_not_imported

            # Not in a box: what Python says of a line points into it.
            _say(f"Error: {why_not_imported(where.partition(':')[0], error)}")
            sys.exit(UNUSABLE)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _serve(
    settings: Settings, bound: socket.socket, held: tuple[int, ...], yours: _Yours | None
) -> int:
    """Serve until asked to stop; return the exit code. Children inherit `held`."""
    if settings.workers == 1:
        # Until all is put together, of which nothing is garbage: a sixth of a start.
        gc.disable()
        import_later()
        # An app of yours may turn its metrics on.
        with without_telemetry() if yours is None else nullcontext():
            from ..server.server import serve as serve_here

        gc.freeze()  # which spares the last look what was imported
        serve_here(settings, sockets=[bound], application=None if yours is None else yours.app)
        return 0
    command = ["serve"] if yours is None else ["serve", yours.where]
    return asyncio.run(_serve_in_processes(command, settings, bound, held))


async def _serve_in_processes(
    command: list[str], settings: Settings, bound: socket.socket, held: tuple[int, ...]
) -> int:
    stop, stop_at_once = asyncio.Event(), asyncio.Event()
    children: list[Child] = []

    def asked_to_stop() -> None:
        # The second time says: do not wait.
        if stop.is_set():
            stop_at_once.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, asked_to_stop)

    def hung_up() -> None:
        for child in children:
            child.hang_up()

    if rereads_at_hangup(has_certificate=settings.tls_cert is not None):
        loop.add_signal_handler(signal.SIGHUP, hung_up)
    one = msgspec.structs.replace(settings, workers=1)
    bound.set_inheritable(True)
    with Leash() as leash:
        children += [
            Child(
                f"server {n + 1}",
                [*command, "--fd", str(bound.fileno())],
                leash,
                one.to_env(),
                fds=[bound.fileno(), *held],
            )
            for n in range(settings.workers)
        ]
        keepers = [
            asyncio.create_task(keep(child, stop, _say, gives_up_after=CRASH_LOOP))
            for child in children
        ]
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait((asked, *keepers), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        bound.close()  # theirs are their own; when they end, nobody is left waiting in ours
        grace = settings.drain_seconds + STOP_MARGIN
        stopping = asyncio.gather(*(child.stop(grace) for child in children))
        at_once = asyncio.create_task(stop_at_once.wait())
        await asyncio.wait((stopping, at_once), return_when=asyncio.FIRST_COMPLETED)
        if at_once.done():
            await asyncio.gather(*(child.kill() for child in children))
        at_once.cancel()
        await stopping
        await asked
        return 0 if all(await asyncio.gather(*keepers)) else 1
