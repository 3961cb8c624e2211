"""``streamer tail``: follow a topic, with bars in a terminal and JSON lines in a pipe."""

from __future__ import annotations

import contextlib
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol, Self

import rich_click as click

from ..config.redacted import message
from ..config.server_url import is_local, without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from ..events.topic import check_topic
from .command import Command, discard_output
from .find_server import server_url
from .options import with_settings
from .plain import plain
from .refused import why

if TYPE_CHECKING:
    from ..client import Event, EventStream, Interruption

#: The exit code for a job that did not complete.
FAILED: Final = 1
#: What a shell makes of a program that a signal has ended.
_BY_SIGNAL: Final = 128


@click.command(cls=Command)
@click.argument("topic", nargs=-1, required=True, metavar="TOPIC...")
@with_settings("url", "data_dir", "token")
@click.option(
    "--from",
    "start",
    default="latest",
    metavar="WHERE",
    help="Begin at `earliest`, `latest` or after an event id. Default: latest.",
)
@click.option(
    "--until",
    type=click.Choice(["end"]),
    help="End after the first terminal event, whatever the topic; a job's topic always does.",
)
@click.option("--ws", is_flag=True, help="Over a WebSocket instead of server-sent events.")
def tail(
    settings: Settings, topic: tuple[str, ...], start: str, until: str | None, *, ws: bool
) -> None:
    """Follow TOPIC, and resume by itself whenever the connection is lost.

    In a terminal each job at work is a bar, and other events are lines. In a pipe each
    event is one line of JSON, exactly as it was sent. Lost connections are reported
    on standard error. The server is that at --url; else the one that runs on the
    data directory; else that of STREAMER_HOST and STREAMER_PORT. The exit code is 0
    at the end, 1 if the job failed or was cancelled, or the server refused, 2 for a
    wrong call, 130 after Ctrl-C.

    Example: streamer tail projects/demo --from earliest | jq .progress
    """
    from ..client import Refused, follow

    try:
        topics = [check_topic(name) for name in topic]
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    if not start.isprintable():
        raise click.UsageError("--from has an invisible character")
    url = server_url(settings)
    show: _Show = _Lines()
    if sys.stdout.isatty():
        from .bars import Bars

        show = Bars(f"{', '.join(topics)} at {plain(without_userinfo(url))}")
    outages = _Outages(url, show)
    outcome = _Outcome()
    try:
        with (
            _ended_by_sigterm(),
            _until_nobody_reads(show),
            show,
            follow(
                url,
                *topics,
                start=start,
                until_end=until is not None,
                token=settings.token,
                transport="websocket" if ws else "sse",
                on_reconnect=outages.began,
            ) as events,
        ):
            show.watch(events)
            for event in events:
                outages.over(event)
                show.event(event)
                outcome.take(event)
    except Refused as error:
        raise click.ClickException(
            f"{without_userinfo(url)}: {why(error, settings.token)}"
        ) from error
    except KeyboardInterrupt:
        # To stop watching is neither success nor failure of what was watched.
        sys.exit(_BY_SIGNAL + signal.SIGINT)
    if show.left:
        discard_output()
        sys.exit(0)
    sys.exit(FAILED if outcome.failed else 0)


class _Outcome:
    """Which jobs failed, or were cancelled, and were not completed later."""

    def __init__(self) -> None:
        self.failed: Final[set[str]] = set()

    def take(self, event: Event) -> None:
        fields = event.fields
        job = str(fields.get("job_id") or event.topic)
        match event.type:
            case "completed":
                self.failed.discard(job)
            case "error":
                self.failed.add(job)
            case "status" if fields.get("status") in ("cancelled", "canceled"):
                self.failed.add(job)
            case "end" if fields.get("reason") in ("failed", "cancelled"):
                # What was over before we came is reported by its end alone.
                self.failed.add(job)
            case _:
                pass


class _Show(Protocol):
    """How events are shown."""

    #: Whether nobody reads any more.
    left: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def watch(self, events: EventStream) -> None:
        """Close `events` when nobody reads any more, where that can be known."""

    def event(self, event: Event) -> None:
        """Show one event."""

    def say(self, text: str) -> None:
        """Show a sentence about the connection."""

    def away(self) -> None:
        """Show that there is no connection."""


class _Outages:
    """Reports each outage once, however many attempts it takes, and its end."""

    def __init__(self, url: str, show: _Show) -> None:
        self._place: Final = without_userinfo(url)
        self._is_local: Final = is_local(url)
        self._show: Final = show
        self._said = ""

    def began(self, interruption: Interruption) -> None:
        reason = plain(message(interruption.reason))
        self._show.away()
        if reason == self._said:
            return
        first = not self._said
        self._said = reason
        if reason == "nothing listens there":
            hint = ": is `streamer run` running?" if self._is_local else "."
            self._show.say(f"nothing listens at {self._place}{hint} Trying again.")
        else:
            after = f" in {interruption.seconds:.1f} s" if first else ""
            self._show.say(f"{self._place}: {reason}. Trying again{after}.")

    def over(self, event: Event) -> None:
        if self._said and event.type == "connected":
            self._said = ""
            self._show.say(f"{self._place}: connected.")


class _Lines:
    """One line of JSON for each event, and for each gap: what was lost is reported too."""

    left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def event(self, event: Event) -> None:
        """Write the body, and do not keep it back."""
        from ..events.event import CONTROL_TYPES

        if event.type not in CONTROL_TYPES or event.type == "gap":
            sys.stdout.buffer.write(event.body + b"\n")
            sys.stdout.buffer.flush()

    def say(self, text: str) -> None:
        """Report it beside the output."""
        click.echo(text, err=True)

    def away(self) -> None:
        """Say nothing: what was written stays so."""

    def watch(self, events: EventStream) -> None:
        """End when the pipe's reader goes, as in ``| head``, even while no event comes."""
        if not hasattr(select, "poll"):
            return
        watched = select.poll()
        try:
            # No event is asked for: that the far end is closed is always reported.
            watched.register(sys.stdout.fileno(), 0)
        except (OSError, ValueError):
            return

        def wait() -> None:
            if any(what & select.POLLERR for _, what in watched.poll()):
                self.left = True
                events.close()

        threading.Thread(target=wait, name="reader", daemon=True).start()


@contextlib.contextmanager
def _until_nobody_reads(show: _Show) -> Iterator[None]:
    """Within it, what nobody reads any more is over, and no failure."""
    try:
        yield
    except BrokenPipeError:
        show.left = True
    except Exception:
        if not show.left:  # else the stream was closed under whatever it was doing
            raise


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within it, SIGTERM ends the program as Ctrl-C does: with a clean terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_BY_SIGNAL + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
