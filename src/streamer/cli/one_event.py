"""One event on its way, from a command: over HTTP, or straight into the log."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, Final

import rich_click as click

from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from ..eventlog.found import found_log_url
from .find_server import server_url
from .refused import why

#: Answers that quote what was typed, which may be a URL in the wrong place.
_QUOTING: Final = range(400, 500)

#: Publishes a type and fields to a topic; returns the id, or None for an ephemeral event.
Append = Callable[..., str | None]


def way_in(settings: Settings) -> Append:
    """The server at --url where one is named; else the log, the shortest way; else a server.

    What it returns raises `click.ClickException` where the event is refused.
    """
    if settings.url is None and (redis_url := found_log_url(settings)) is not None:
        return functools.partial(_into_log, settings, redis_url)
    return functools.partial(_over_http, server_url(settings), settings.token)


def check_key(key: str | None) -> None:
    """Refuse an idempotency key that no header can have.

    Raises:
        click.UsageError: saying what is allowed.
    """
    if key is not None and not (key and key.isprintable() and key == key.strip()):
        raise click.UsageError(
            "--key must be visible characters, without spaces at its ends: it is sent as a header"
        )


def _into_log(
    settings: Settings,
    redis_url: str,
    topic: str,
    event_type: str,
    fields: dict[str, Any],
    *,
    key: str | None = None,
    ephemeral: bool = False,
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
    key: str | None = None,
    ephemeral: bool = False,
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
        detail = why(error, token) if error.status in _QUOTING else error.detail
        raise click.ClickException(f"{without_userinfo(url)}: {detail}") from error
