"""Whether a server may start as it is set: one that strangers reach must know who is asking."""

from __future__ import annotations

import rich_click as click

from ..api.hosts import is_loopback
from ..config.settings import InvalidSetting, Settings, access_is_open

#: What says who is asking, in the order of how much it needs.
_WAYS = (
    ("STREAMER_AUTH_SECRET", "your application signs tokens with it"),
    ("STREAMER_AUTH_PUBLIC_KEY", "or with the private one that belongs to it"),
    ("STREAMER_AUTH_JWKS_URL", "or an identity provider, and has its keys"),
    ("STREAMER_AUTH_URL", "your application is asked, and needs no tokens"),
)


class OpenToStrangers(click.ClickException):
    """A server that anybody could reach, and that asks nobody who they are."""

    exit_code = 2  # as for any wrong call


def refuse_strangers(settings: Settings) -> None:
    """Return if a server with `settings` may be started.

    Raises:
        OpenToStrangers: it listens beyond the loopback, and nothing says who is asking,
            nor that nobody shall be asked.
        click.UsageError: the key that is set cannot be used.
    """
    if not access_is_open(settings):
        from ..access.configured import keys_of

        try:
            keys_of(settings)
        except InvalidSetting as error:
            raise click.UsageError(str(error)) from error
    if is_open_to_strangers(settings):
        raise OpenToStrangers(_why(settings.host))


def is_open_to_strangers(settings: Settings) -> bool:
    """Whether it lets in whoever comes from elsewhere, though nobody said so."""
    return access_is_open(settings) and not settings.auth and not is_loopback(settings.host)


def who_is_let_in(settings: Settings) -> str:
    """Say it in one line, for whoever starts a server."""
    if not access_is_open(settings):
        return "Whoever comes must say who they are."
    if is_loopback(settings.host):
        return "Open to everybody on this machine; STREAMER_AUTH_SECRET would ask who they are."
    return f"Open to everybody who reaches {settings.host}, as STREAMER_AUTH=none says."


def _why(host: str) -> str:
    width = max(len(name) for name, _ in _WAYS)
    ways = "\n".join(f"  {name:{width}}  {meaning}" for name, meaning in _WAYS)
    return (
        f"Not started: others could reach it at {host}, and it would ask nobody\n"
        "who they are. Set one of these (docs/TOKENS.md):\n"
        f"{ways}\n"
        "or, to let everybody read, publish and cancel everything:\n"
        "  STREAMER_AUTH=none\n"
        "For this machine alone it needs neither: leave --host out."
    )
