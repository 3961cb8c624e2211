"""``streamer token``: a token, for who may read and publish what."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import rich_click as click

from ..config.reading import read_seconds
from ..config.redacted import message
from ..config.settings import Settings
from ..errors import StreamerError
from .command import Command
from .options import with_settings

if TYPE_CHECKING:
    from ..access.grants import Grants


@click.command(cls=Command)
@with_settings()
@click.option("--sub", required=True, metavar="SUBJECT", help="Whose it is, as in 7.")
@click.option(
    "--subscribe",
    multiple=True,
    metavar="TOPICS",
    help="A topic, or a pattern of topics, that may be read; may be repeated.",
)
@click.option(
    "--publish",
    multiple=True,
    metavar="TOPICS",
    help="A topic, or a pattern of topics, that may be published to; may be repeated.",
)
@click.option("--name", default="", metavar="NAME", help="What others are shown, as in Ada.")
@click.option("--admin", is_flag=True, help="Read every topic, and revoke.")
@click.option(
    "--ttl",
    default="1h",
    metavar="TIME",
    help="How long it is good, as in 90s, 15m, 1h or 30d. Default: 1h.",
)
def token(
    settings: Settings,
    sub: str,
    subscribe: tuple[str, ...],
    publish: tuple[str, ...],
    ttl: str,
    *,
    name: str,
    admin: bool,
) -> None:
    """Make a token, signed with STREAMER_AUTH_SECRET, and print it.

    In a pattern `*` is one segment of a topic and `**`, at its end, one or more; quote
    them. The token alone is on the standard output; what it allows is on the standard
    error. Whoever has it may do that until it ends, or until it is revoked, by its jti
    or its subject (`streamer revoke`). The exit code is 0, or 2 for a wrong call.

    Example: streamer token --sub 7 --subscribe 'projects/*' --ttl 1h
    """
    from ..access.claims import grants_of
    from ..access.issue import Issuer

    if settings.auth_secret is None:
        raise click.UsageError(
            "STREAMER_AUTH_SECRET is not set: it is what tokens are signed with, 32 bytes or "
            "more, the same as the server's; with other keys, whoever has the private one signs"
        )
    try:
        seconds = read_seconds(ttl)
    except ValueError as error:
        raise click.UsageError(
            f"--ttl is {message(ttl)!r}; it must be a time, as in 90s, 15m, 1h or 30d"
        ) from error
    claims = {"sub": sub, "name": name, "is_admin": admin, "jti": secrets.token_urlsafe(12)}
    try:
        grants = grants_of({**claims, "streamer": {"subscribe": subscribe, "publish": publish}})
        issuer = Issuer(
            settings.auth_secret, issuer=settings.auth_issuer, audience=settings.auth_audience
        )
        made = issuer.issue(grants, seconds)
    except StreamerError as error:
        raise click.UsageError(message(error.detail)) from error
    except ValueError as error:
        raise click.UsageError(f"--ttl is {message(ttl)!r}: {error}") from error
    click.echo(made)
    click.echo(_described(grants, datetime.now(UTC).timestamp() + seconds), err=True)


def _described(grants: Grants, ends: float) -> str:
    reads = ["everything"] if grants.is_admin else [*sorted(grants.subscribe.allowed)]
    own = f"users/{grants.subject}"
    if grants.may_read(own) and not grants.is_admin and own not in reads:
        reads.append(own)
    until = datetime.fromtimestamp(ends, UTC).isoformat(sep=" ", timespec="seconds")
    lines = [
        f"subject     {grants.subject}{', an admin' if grants.is_admin else ''}",
        *([f"name        {grants.name}"] if grants.name else []),
        f"reads       {', '.join(reads)}",
        f"publishes   {', '.join(sorted(grants.publish.allowed)) or 'nothing'}",
        f"ends        {until.removesuffix('+00:00')} UTC",
        f"jti         {grants.token_id}",
    ]
    return "\n".join(lines)
