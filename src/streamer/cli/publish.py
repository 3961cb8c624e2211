"""``streamer publish``: one event, from the shell."""

from __future__ import annotations

import sys
from typing import Any

import rich_click as click

from ..config.settings import Settings
from .command import Command
from .one_event import check_key, way_in
from .options import with_settings


@click.command(cls=Command)
@click.argument("topic")
@click.argument("event_type", metavar="TYPE")
@click.argument("json", required=False, metavar="[JSON]")
@with_settings("redis_url", "data_dir", "prefix", "url", "token")
@click.option("--key", help="Idempotency key: the same key again publishes nothing.")
@click.option("--ephemeral", is_flag=True, help="Send to those reading now; store nothing.")
def publish(
    settings: Settings,
    topic: str,
    event_type: str,
    json: str | None,
    key: str | None,
    *,
    ephemeral: bool,
) -> None:
    """Publish an event of TYPE with the fields JSON to TOPIC, and print its id.

    JSON is an object, and may be `-` for the standard input. The event goes to
    the server at --url where that is given; else straight into the log: that of
    --redis-url, or of the `streamer run` on the same data directory; else to the server
    at STREAMER_HOST and STREAMER_PORT. The exit code is 0 if it was published, 1 if not,
    2 for a wrong call.

    Example: streamer publish projects/demo progress '{"task_name":"encode","progress":0.5}'
    """
    import msgspec

    try:
        text = sys.stdin.buffer.read() if json == "-" else (json or "{}").encode()
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise click.UsageError(f"JSON is not a JSON object: {error}") from error
    check_key(key)
    published = way_in(settings)(topic, event_type, fields, key=key, ephemeral=ephemeral)
    click.echo("ephemeral, so it has no id" if published is None else published)
