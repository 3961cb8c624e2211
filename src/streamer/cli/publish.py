"""``streamer publish``: one event, from the shell."""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import Any, Final

import rich_click as click

from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from .command import Command
from .find_server import server_url
from .log_url import log_url
from .options import with_settings

#: Answers that quote what was typed, which may be a URL in the wrong place.
_QUOTING: Final = range(400, 500)


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
    --redis-url, or of the `streamer run` on the same data directory. The exit code
    is 0 if it was published, 1 if not, 2 for a wrong call.

    Example: streamer publish projects/demo progress '{"task_name":"encode","progress":0.5}'
    """
    import msgspec

    try:
        text = sys.stdin.buffer.read() if json == "-" else (json or "{}").encode()
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise click.UsageError(f"JSON is not a JSON object: {error}") from error
    if key is not None and not (key and key.isprintable() and key == key.strip()):
        raise click.UsageError(
            "--key must be visible characters, without spaces at its ends: it is sent as a header"
        )
    append = functools.partial(_over_http, server_url(settings), settings.token)
    # A server that was named is meant; else the shortest way in.
    if settings.url is None and (redis_url := log_url(settings)) is not None:
        append = functools.partial(_into_log, settings, redis_url)
    published = append(topic, event_type, fields, key=key, ephemeral=ephemeral)
    click.echo("ephemeral, so it has no id" if published is None else published)


def _into_log(
    settings: Settings,
    redis_url: str,
    topic: str,
    event_type: str,
    fields: dict[str, Any],
    *,
    key: str | None,
    ephemeral: bool,
) -> str | None:
    from ..eventlog.open import open_event_log
    from ..publishing.publisher import Publisher

    async def append() -> str | None:
        log = open_event_log(settings, url=redis_url)
        try:
            publisher = Publisher(log, max_event_bytes=settings.max_event_bytes)
            event_id = await publisher.publish(
                topic, event_type, fields, idempotency_key=key, ephemeral=ephemeral
            )
        finally:
            await log.close()
        return None if event_id is None else str(event_id)

    try:
        return asyncio.run(append())
    except StreamerError as error:
        raise click.ClickException(message(error.detail)) from error


def _over_http(
    url: str,
    token: str | None,
    topic: str,
    event_type: str,
    fields: dict[str, Any],
    *,
    key: str | None,
    ephemeral: bool,
) -> str | None:
    from ..client import Refused
    from ..client.publish import publish as send

    try:
        return send(
            url,
            topic,
            event_type,
            fields,
            idempotency_key=key,
            ephemeral=ephemeral,
            token=token,
        )
    except Refused as error:
        if error.status == 0:  # it names the server itself
            raise click.ClickException(error.detail) from error
        detail = message(error.detail) if error.status in _QUOTING else error.detail
        raise click.ClickException(f"{without_userinfo(url)}: {detail}") from error
