"""The certificate that a server proves who it is with, read again when its files change."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

_logger: Final = logging.getLogger(__name__)

#: How long before its end a certificate is warned about: what renews them by itself does
#: so a month before, and a person needs some days.
WARN_BEFORE: Final = timedelta(days=14)
#: Seconds between two such lines in the log.
_WARN_AGAIN: Final = 24 * 3600.0
#: As much as this of each file says that it is the same: where it is, when and how much was
#: written.
_Signature = tuple[tuple[int, int, int, int] | None, ...]


class InvalidCertificate(ValueError):
    """A certificate or a key that cannot be used; shown to whoever starts the server."""


class Certificate(NamedTuple):
    """One that was read.

    Attributes:
        context: what connections are opened with: TLS 1.2 or newer, HTTP/1.1.
        names: whom it is for: names and addresses.
        until: when it expires.
    """

    context: ssl.SSLContext
    names: tuple[str, ...]
    until: datetime

    def __str__(self) -> str:
        """Say whom it is for, and how long."""
        return f"for {', '.join(self.names) or 'nobody'}, until {self.until:%Y-%m-%d %H:%M} UTC"

    def expires_soon(self) -> str | None:
        """What is wrong with the time that it has left; None if nothing is."""
        left = self.until - datetime.now(UTC)
        if left > WARN_BEFORE:
            return None
        if left <= timedelta():
            return f"has expired at {self.until:%Y-%m-%d %H:%M} UTC: clients refuse it"
        return f"expires in {max(left.days, 0)} days, at {self.until:%Y-%m-%d %H:%M} UTC"


def read_certificate(chain: Path, key: Path | None) -> Certificate:
    """Read a certificate, with those of its issuers behind it, and its key; both in PEM.

    Without `key` it is in the file of the certificate.

    Raises:
        InvalidCertificate: naming the variable and the file.
    """
    from cryptography import x509  # noqa: PLC0415 - a server without TLS starts without

    cert_name = f"STREAMER_TLS_CERT ({chain})"
    key_name = cert_name if key is None else f"STREAMER_TLS_KEY ({key})"
    content = _content(cert_name, chain)
    try:
        first = x509.load_pem_x509_certificates(content)[0]
    except ValueError as error:
        raise InvalidCertificate(f"{cert_name} has no certificate in PEM") from error
    if key is not None:
        _content(key_name, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client could have us compute without end (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask for one, on the terminal.
        context.load_cert_chain(chain, key, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise InvalidCertificate(f"{key_name} is not the key of {cert_name}") from error
        raise InvalidCertificate(
            f"{key_name} has no key in PEM, without a password, for {cert_name}"
        ) from error
    return Certificate(context, _names(first), first.not_valid_after_utc)


def _content(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidCertificate(f"{name} cannot be read: {error.strerror or error}") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)
    return (*found.get_values_for_type(x509.DNSName), *map(str, addresses))


class CertificateFiles:
    """The files of a certificate: what is in them now, as far as it can be used.

    Raises:
        InvalidCertificate: from the beginning, it cannot be.
    """

    def __init__(self, chain: Path, key: Path | None) -> None:
        self._chain: Final = chain
        self._key: Final = key
        self._loaded = self._seen = self._signature()
        self.now = read_certificate(chain, key)
        self._warned_at: float | None = None

    def look(self, now: float) -> None:
        """Read them again if they have changed; call it about once a second, at `now`.

        Two files are seldom replaced at once: they are left alone until they are at rest.
        """
        seen, before = self._signature(), self._seen
        self._seen = seen
        if seen == before and seen != self._loaded:
            self.read_again()
        if self._warned_at is None or now - self._warned_at >= _WARN_AGAIN:
            if problem := self.now.expires_soon():
                _logger.warning("the certificate of STREAMER_TLS_CERT %s", problem)
            self._warned_at = now

    def read_again(self) -> None:
        """Have new connections use what is in the files; if it cannot be used, what was."""
        self._loaded = self._signature()
        try:
            self.now = read_certificate(self._chain, self._key)
        except InvalidCertificate as error:
            _logger.error("the certificate is not replaced, the old one stays: %s", error)  # noqa: TRY400 - a person's mistake, not ours
        else:
            _logger.info("new connections get the certificate %s", self.now)
            self._warned_at = None

    def _signature(self) -> _Signature:
        return tuple(_signature_of(path) for path in (self._chain, self._key) if path is not None)


def _signature_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
