"""An HTTP client to one server, with the environment's proxy and certificates."""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx

from ..config.redacted import message
from ..config.server_url import InvalidServerURL, check_server_url
from .refusals import Refused

ClientT = TypeVar("ClientT")

#: Seconds for a connection to a server that may be silent for long.
_CONNECT_SECONDS: Final = 10.0


def checked_url(url: str) -> str:
    """`url` without a slash at its end.

    Raises:
        InvalidServerURL: it is malformed.
    """
    base = check_server_url(url)
    try:
        _ = httpx.URL(base).host
    except (httpx.InvalidURL, UnicodeError):  # such as a malformed name that begins with xn--
        raise InvalidServerURL("its host is malformed") from None
    return base


def trusted() -> ssl.SSLContext:
    """Whom the environment trusts; it takes long to read, and is the same for all clients.

    Raises:
        Refused: its certificates cannot be used.
    """
    try:
        return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    except OSError as error:
        raise Refused(0, f"the certificates of the environment: {error}") from error


@functools.lru_cache(maxsize=4)
def _trusted(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


def open_client(
    kind: Callable[..., ClientT],
    url: str,
    **options: Any,  # noqa: ANN401 - httpx's own
) -> ClientT:
    """Make a client of `kind` for the server at `url`; it connects when first used.

    Raises:
        InvalidServerURL: `url` is malformed.
        Refused: the environment names a proxy or certificates that cannot be used.
    """
    base = checked_url(url)
    try:
        return kind(base_url=base, verify=trusted(), **options)
    except (ValueError, ImportError, OSError) as error:
        # Not chained: it may quote the password of a proxy.
        problem = message(str(error))
        raise Refused(0, f"the proxy of the environment: {problem}") from None


async def open_patiently(silence: float) -> httpx.AsyncClient:
    """Make a client of any server that answers in its own time, as those of AI do.

    Args:
        silence: seconds of it after which a request is given up.

    Raises:
        Refused: the environment names certificates that cannot be used.
    """
    # To read them takes some 30 ms, once, in which nobody else may have to wait; httpx would do it
    # for each client, also for plain HTTP.
    verify = await asyncio.to_thread(trusted)
    return httpx.AsyncClient(timeout=httpx.Timeout(_CONNECT_SECONDS, read=silence), verify=verify)
