"""``streamer worker MODULE --reload``: a worker of its own for each version of the code."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from ..config.settings import Settings
from ..processes.child import Leash
from ..processes.replaced import GRACE, Replaced
from ..processes.stop_signals import stop_signals
from .reload import changes


def run_reloading(settings: Settings, name: str, command: Sequence[str]) -> int:
    """Run a command until asked to stop; return the exit code."""
    return asyncio.run(_run(settings, name, command))


async def _run(settings: Settings, name: str, command: Sequence[str]) -> int:
    stop, at_once = asyncio.Event(), asyncio.Event()

    def asked_to_stop() -> None:
        # The second time says: do not wait.
        if stop.is_set():
            at_once.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, asked_to_stop)
    with Leash() as leash:
        worker = Replaced(name, command, leash, settings.to_env(), _say, watched=True)

        async def watch() -> None:
            async for files in changes(Path.cwd()):
                worker.changed(files)

        keeping, watching = asyncio.create_task(worker.keep(stop)), asyncio.create_task(watch())
        await stop.wait()
        watching.cancel()
        stopping = asyncio.create_task(worker.stop(GRACE))
        hurry = asyncio.create_task(at_once.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if hurry.done():
            await worker.kill()
        hurry.cancel()
        ended = await stopping
        await keeping
        return 0 if ended else 1


def _say(text: str) -> None:
    click.echo(text, err=True)
