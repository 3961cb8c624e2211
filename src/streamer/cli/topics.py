"""``streamer topics``: the topics of a log, with what is kept of each."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import StreamerError
from .command import Command
from .operating_way import WHERE, OperatingWay, or_fail
from .options import with_settings

#: Topics in one list, at most: as over HTTP.
_MAX_LISTED: Final = 1000
#: Columns of a line in a pipe: none is wrapped.
_WIDEST: Final = 1000


@click.command(cls=Command)
@click.argument("pattern", required=False, metavar="[PATTERN]")
@click.option(
    "--sort",
    type=click.Choice(["newest", "size"]),
    default="newest",
    help="The newest first, or the largest of the 10,000 newest. Default: newest.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, _MAX_LISTED),
    default=20,
    metavar="N",
    help=f"Topics at most, up to {_MAX_LISTED}. Default: 20.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each topic.")
@with_settings(*WHERE)
def topics(
    settings: Settings, pattern: str | None, sort: str, limit: int, *, as_json: bool
) -> None:
    """List topics: how much of each is kept, how new it is, who reads it, when it goes.

    PATTERN is a topic, for it and all below it; or one in which * stands for one segment, and
    ** at the end for all that follow. They are those of the server at --url where that is
    given, which wants an admin's token; else of the log: that of --redis-url, or of the
    `streamer run` on the same data directory. In a pipe each topic is a line of JSON. The
    exit code is 0 if they could be listed, 1 if not, 2 for a wrong call.

    Example: streamer topics 'projects/*' --sort size
    """
    from ..operating.topics import Named

    try:
        Named(pattern)
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    way = OperatingWay(settings)
    listed = or_fail(lambda: way.topics(pattern, sort, limit))
    found: list[dict[str, Any]] = listed["topics"]
    if as_json or not sys.stdout.isatty():
        import msgspec

        for topic in found:
            sys.stdout.buffer.write(msgspec.json.encode(topic) + b"\n")
    elif found:
        from rich.console import Console

        from .topic_table import show_topics

        show_topics(found, Console(highlight=False), datetime.now(UTC))
    if not found:
        click.echo("There are no topics" + (" like these." if pattern else "."), err=True)
    elif not listed["whole"]:
        more = f"; --limit {_MAX_LISTED} shows more" if limit < _MAX_LISTED else ""
        click.echo(f"There are more topics{more}.", err=True)
