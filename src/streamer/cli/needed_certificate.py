"""The certificate of a server that is started: it is read first, and says how it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from ..config.settings import Settings

if TYPE_CHECKING:
    from ..server.certificate import Certificate


def needed_certificate(settings: Settings) -> Certificate | None:
    """The certificate that is set, if one is.

    Raises:
        click.ClickException: it cannot be used.
    """
    if settings.tls_cert is None:
        return None
    from ..server.certificate import InvalidCertificate, read_certificate

    try:
        return read_certificate(settings.tls_cert, settings.tls_key)
    except InvalidCertificate as error:
        raise click.ClickException(str(error)) from error


def reachable_at(settings: Settings, certificate: Certificate | None) -> Settings:
    """The settings, with the URL at which this server is found.

    Over TLS it is by the first name that its certificate is for: by its address, clients
    would refuse it.
    """
    names = [] if certificate is None else certificate.names
    name = next((name for name in names if "*" not in name), None)
    url = None
    if name is not None:
        url = f"https://{f'[{name}]' if ':' in name else name}:{settings.port}"
    return msgspec.structs.replace(settings, url=url)


def itself(settings: Settings) -> str:
    """The URL at which this very machine reaches it, whatever its certificate is for."""
    return msgspec.structs.replace(settings, url=None).base_url
