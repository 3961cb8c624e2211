"""``streamer revoke``: take tokens back, from the shell."""

from __future__ import annotations

import asyncio
import time

import rich_click as click

from ..config.redacted import message
from ..config.settings import Settings
from ..errors import StreamerError
from .command import Command
from .log_url import needed_log_url
from .options import with_settings


@click.command(cls=Command)
@with_settings("redis_url", "data_dir", "prefix")
@click.option("--sub", metavar="SUBJECT", help="All tokens of SUBJECT that were issued until now.")
@click.option("--jti", metavar="ID", help="The token whose jti is ID.")
def revoke(settings: Settings, sub: str | None, jti: str | None) -> None:
    """Revoke a token by its --jti, or all tokens of a --sub, for every server of the log.

    Streams that were opened with them end within a second. It is written straight into
    the log: that of --redis-url, or of the `streamer run` on the same data directory.
    It is kept for 400 days, longer than any token lives, and cannot be taken back:
    whoever it was about needs a new token. The exit code is 0 if it was stored, 1 if
    not, 2 for a wrong call.

    Example: streamer revoke --sub 7
    """
    from ..access.claims import MAX_NAME
    from ..eventlog.access import Revocation
    from ..eventlog.open import open_event_log

    if (sub is None) == (jti is None):
        raise click.UsageError("give one of --sub and --jti")
    value = sub if sub is not None else jti
    if not value or len(value) > MAX_NAME or not value.isprintable():
        raise click.UsageError(
            f"a subject or jti is 1 to {MAX_NAME} characters that can be seen: any other is of "
            "no token"
        )
    revocation = Revocation("jti" if sub is None else "sub", value, time.time())

    async def store() -> None:
        log = open_event_log(settings, url=needed_log_url(settings))
        try:
            await log.access.revoke([revocation])
        finally:
            await log.close()

    try:
        asyncio.run(store())
    except StreamerError as error:
        raise click.ClickException(message(error.detail)) from error
    what = (
        f"the token {value}" if sub is None else f"all tokens of {value} that were issued until now"
    )
    click.echo(f"revoked: {what}")
