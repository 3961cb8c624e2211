"""``streamer tail``: follow a topic, with bars in a terminal and JSON lines in a pipe."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final, Protocol, Self

import rich_click as click

from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from ..events.topic import check_topic
from .command import Command, discard_output
from .find_server import server_url
from .options import with_settings

if TYPE_CHECKING:
    from ..client import Received

#: Types that report how a job ended.
_TELLING: Final = frozenset({"completed", "error", "status", "end"})
#: The exit code for a job that did not complete.
FAILED = 1


@click.command(cls=Command)
@click.argument("topic", nargs=-1, required=True, metavar="TOPIC...")
@with_settings("url", "data_dir", "token")
@click.option(
    "--from",
    "start",
    metavar="WHERE",
    help="Begin at `earliest`, `latest` or after an event id. Default: latest.",
)
@click.option(
    "--until",
    type=click.Choice(["end"]),
    help="End after the first terminal event, whatever the topic; a job's topic always does.",
)
def tail(settings: Settings, topic: tuple[str, ...], start: str | None, until: str | None) -> None:
    """Follow TOPIC, and resume by itself whenever the connection is lost.

    In a terminal each task is a bar, and other events are lines. In a pipe each
    event is one line of JSON, exactly as it was sent. Lost connections are reported
    on standard error. The server is that at --url; else the one that runs on the
    data directory; else that of STREAMER_HOST and STREAMER_PORT. The exit code is 0
    at the end, 1 if the job failed or was cancelled, or the server refused, 2 for a
    wrong call.

    Example: streamer tail projects/demo --from earliest | jq .progress
    """
    import msgspec

    from ..client import Refused, follow
    from .bars import Bars

    try:
        topics = [check_topic(name) for name in topic]
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    if start is not None and not start.isprintable():
        raise click.UsageError("--from has an invisible character")
    show: _Show = Bars() if sys.stdout.isatty() else _Lines()
    failed: set[str] = set()
    url = server_url(settings)
    shown = without_userinfo(url)
    try:
        with (
            show,
            closing(
                follow(
                    url,
                    *topics,
                    start=start,
                    until_end=until is not None,
                    token=settings.token,
                    on_reconnect=lambda why, seconds: show.reconnecting(f"{shown}: {why}", seconds),
                )
            ) as events,
        ):
            for event in events:
                show.event(event)
                if event.type in _TELLING:
                    _count(failed, event)
    except Refused as error:
        raise click.ClickException(f"{shown}: {message(error.detail)}") from error
    except msgspec.DecodeError as error:
        raise click.ClickException(
            f"{shown}: received an event that is not a JSON object; is this a Streamer server?"
        ) from error
    except BrokenPipeError:
        discard_output()
    except KeyboardInterrupt:
        # To stop watching is not a failure, nor a report of one.
        failed.clear()
    sys.exit(FAILED if failed else 0)


def _count(failed: set[str], event: Received) -> None:
    """Keep which jobs failed, or were cancelled, and were not completed later."""
    fields = event.fields()
    job = str(fields.get("job_id") or fields.get("topic"))
    match event.type:
        case "completed":
            failed.discard(job)
        case "status" if fields.get("status") not in ("cancelled", "canceled"):
            pass
        case "end" if fields.get("reason") not in ("failed", "cancelled"):
            # What was over before we came is reported by its end alone.
            pass
        case _:
            failed.add(job)


class _Show(Protocol):
    """How events are shown."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def event(self, event: Received) -> None:
        """Show one event."""

    def reconnecting(self, reason: str, seconds: float) -> None:
        """Report a lost connection, and the seconds until the next attempt."""


class _Lines:
    """One line of JSON for each event, and for each gap: what was lost is reported too."""

    def __enter__(self) -> Self:
        _end_with_reader()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def event(self, event: Received) -> None:
        """Write the body, and do not keep it back."""
        from ..events.event import CONTROL_TYPES

        if event.type not in CONTROL_TYPES or event.type == "gap":
            sys.stdout.buffer.write(event.body + b"\n")
            sys.stdout.buffer.flush()

    def reconnecting(self, reason: str, seconds: float) -> None:
        """Report it beside the output."""
        click.echo(f"{reason}; back in {seconds:.1f} s", err=True)


def _end_with_reader() -> None:
    """Interrupt us when the pipe's reader goes, as in ``| head``, even while no event comes."""
    if not hasattr(select, "poll"):
        return
    watched = select.poll()
    try:
        # No event is asked for: that the far end is closed is always reported.
        watched.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return

    def watch() -> None:
        if any(what & select.POLLERR for _, what in watched.poll()):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="reader", daemon=True).start()
