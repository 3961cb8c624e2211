"""``streamer inspect``: all that is known of one topic."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import StreamerError
from ..events.topic import check_topic
from .command import Command
from .operating_way import WHERE, OperatingWay, or_fail
from .options import with_settings


@click.command(cls=Command)
@click.argument("topic", metavar="TOPIC")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings(*WHERE)
def inspect(settings: Settings, topic: str, *, as_json: bool) -> None:
    """Show what is kept of TOPIC and by which rule, its state, its readers, its newest events.

    It is asked of the server at --url where that is given, which wants an admin's token; else
    of the log: that of --redis-url, or of the `streamer run` on the same data directory. In a
    pipe it is a line of JSON. The exit code is 0 if anything is known of it, 1 if not, 2 for
    a wrong call.

    Example: streamer inspect projects/demo
    """
    try:
        check_topic(topic)
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    way = OperatingWay(settings)
    found = or_fail(lambda: way.inspect(topic))
    if as_json or not sys.stdout.isatty():
        import msgspec

        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        return
    from rich.console import Console

    from .topic_sheet import show_topic

    show_topic(found, Console(highlight=False), datetime.now(UTC))
