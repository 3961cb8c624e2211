"""The keys, the tokens and the application that the settings ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..config.auth import is_pem
from ..config.settings import InvalidSetting, Settings
from .exchange import Exchange
from .keys import Keys, OneKey, UnusableKey, pem_key, secret_key
from .tokens import Tokens
from .validity import Validity

if TYPE_CHECKING:
    from .application import Application

#: Bytes of a PEM that are read; the largest key has a tenth of that.
_MOST_PEM: Final = 16 * 1024


def tokens_of(
    settings: Settings, exchange: Exchange | None, *, clock: Callable[[], float] = time.time
) -> Tokens:
    """What verifies tokens by `settings`; with no key set, those of `exchange` alone.

    `clock` is in seconds since 1970.

    Raises:
        InvalidSetting: ``STREAMER_AUTH_PUBLIC_KEY`` holds no key that can be used.
    """
    validity = Validity(settings.auth_issuer, settings.auth_audience, settings.auth_leeway)
    return Tokens(keys_of(settings), exchange, validity=validity, clock=clock)


def keys_of(settings: Settings) -> Keys | None:
    """The keys of issuers by `settings`; None if none are set.

    Raises:
        InvalidSetting: as of `tokens_of`.
    """
    if settings.auth_secret is not None:
        return OneKey(secret_key(settings.auth_secret))
    if settings.auth_public_key is not None:
        try:
            return OneKey(pem_key(_pem(settings.auth_public_key)))
        except UnusableKey as error:
            raise InvalidSetting(f"STREAMER_AUTH_PUBLIC_KEY cannot be used: {error}") from None
    if settings.auth_jwks_url is not None:
        from .jwks import JWKS  # noqa: PLC0415 - httpx, which only who fetches keys waits for

        return JWKS(settings.auth_jwks_url)
    return None


def application_of(
    settings: Settings, *, clock: Callable[[], float] = time.time
) -> Application | None:
    """The application by `settings`; None if none is set. `clock` is in seconds since 1970."""
    if settings.auth_url is None:
        return None
    from .application import Application  # noqa: PLC0415 - as above

    return Application(
        settings.auth_url,
        ttl=settings.auth_url_ttl,
        timeout=settings.auth_url_timeout,
        headers=settings.auth_url_headers,
        clock=clock,
    )


def _pem(text: str) -> str:
    if is_pem(text):
        return text
    try:
        with Path(text).open("rb") as file:
            return file.read(_MOST_PEM).decode("ascii", "replace")
    except OSError as error:
        raise UnusableKey(f"its file cannot be read: {error.strerror}") from None
