"""``streamer delete``: topics, with all that is kept of them."""

from __future__ import annotations

import sys

import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import StreamerError
from ..events.topic import check_topic
from .command import Command
from .operating_way import WHERE, OperatingWay, Refusal
from .options import with_settings
from .plain import plain


@click.command(cls=Command)
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@click.option("--force", is_flag=True, help="Also while a job that is reported there is not over.")
@with_settings(*WHERE)
def delete(settings: Settings, topics: tuple[str, ...], *, yes: bool, force: bool) -> None:
    """Delete each TOPIC: its events, its state, its readers' cursors. It cannot be undone.

    Whoever reads it, or comes back to it later, receives a gap whose reason is `deleted`.
    Events that are in other topics too stay there, and what is published later is kept. It is
    done by the server at --url where that is given, which wants an admin's token; else in the
    log: that of --redis-url, or of the `streamer run` on the same data directory. The exit
    code is 0 if all are deleted, 1 if not, 2 for a wrong call.

    Example: streamer delete projects/demo
    """
    try:
        for topic in topics:
            check_topic(topic)
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    way = OperatingWay(settings)
    if not yes:
        _ask(topics)
    refused = False
    for topic in topics:
        try:
            found = way.delete(topic, force=force)
        except Refusal as error:
            refused = True
            busy = error.code == "topic_busy"
            hint = f"streamer jobs cancel, or --force: {plain(topic)} has a job that is not over"
            click.echo(hint if busy else plain(error.detail), err=True)
            if error.code not in ("topic_busy", "not_found"):  # so for all that follow
                break
        else:
            click.echo(f"{plain(topic)} deleted at {found['id']}")
    if refused:
        sys.exit(1)


def _ask(topics: tuple[str, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here whether to delete; say --yes")
    named = ", ".join(map(plain, topics))
    click.confirm(f"Delete {named}? It cannot be undone", abort=True, err=True)
