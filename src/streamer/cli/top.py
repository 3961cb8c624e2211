"""``streamer top``: how all processes do, live in a terminal."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

import rich_click as click

from ..config.settings import Settings
from .command import Command
from .operating_way import WHERE, OperatingWay, Refusal, or_fail
from .options import with_settings

#: Seconds between two samples, at least and at most.
_SHORTEST: Final = 0.5
_LONGEST: Final = 3600.0
#: What a shell makes of a program that a signal has ended.
_BY_SIGNAL: Final = 128


@click.command(cls=Command)
@click.option(
    "--every",
    "seconds",
    type=click.FloatRange(_SHORTEST, _LONGEST),
    default=2.0,
    metavar="SECONDS",
    help="Seconds between two samples. Default: 2.",
)
@click.option("--once", is_flag=True, help="One sample, and end.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each sample.")
@with_settings(*WHERE)
def top(settings: Settings, seconds: float, *, once: bool, as_json: bool) -> None:
    """Watch all server processes: rates, readers, lag, jobs, and the slowest readers.

    Each process says every two seconds how it does. It is asked of the server at --url where
    that is given, which wants an admin's token; else of the log: that of --redis-url, or of the
    `streamer run` on the same data directory. In a pipe each sample is a line of JSON. It goes
    on while the log is away; the exit code is 0 at the end, 1 if the first sample is refused,
    2 for a wrong call, 130 after Ctrl-C.

    Example: streamer top --once --json | jq .readers
    """
    way = OperatingWay(settings)
    first = or_fail(way.report)
    try:
        if as_json or not sys.stdout.isatty():
            _write(way, first, seconds, once=once)
        else:
            _draw(way, first, seconds, once=once)
    except KeyboardInterrupt:
        sys.exit(_BY_SIGNAL + signal.SIGINT)


def _write(way: OperatingWay, first: dict[str, Any], seconds: float, *, once: bool) -> None:
    import msgspec

    for sample in _samples(way, first, seconds, once=once):
        if isinstance(sample, str):
            click.echo(sample, err=True)
            continue
        sys.stdout.buffer.write(msgspec.json.encode(sample) + b"\n")
        sys.stdout.buffer.flush()


def _draw(way: OperatingWay, first: dict[str, Any], seconds: float, *, once: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from .echo import no_echo
    from .top_screen import Screen

    console = Console(highlight=False)
    screen = Screen()
    if once:
        screen.take(first)
        console.print(screen)
        return
    with (
        no_echo(),
        Live(screen, console=console, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        for sample in _samples(way, first, seconds, once=False):
            if isinstance(sample, str):
                screen.away(sample)
            else:
                screen.take(sample)
            live.refresh()


def _samples(
    way: OperatingWay, first: dict[str, Any], seconds: float, *, once: bool
) -> Iterator[dict[str, Any] | str]:
    """Each sample, or why there is none."""
    yield first
    if once:
        return
    pause = threading.Event()
    with contextlib.suppress(GeneratorExit):
        while True:
            pause.wait(seconds)
            try:
                yield way.report()
            except Refusal as error:
                yield error.detail
