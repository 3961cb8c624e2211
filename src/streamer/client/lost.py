"""What a library reports of a connection that failed: worth another try, or not."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from .refusals import Lost, Refused

#: What OpenSSL calls an answer that is not TLS: http:// is meant.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def check_trust(error: BaseException) -> None:
    """Refuse a server that does not speak TLS, or is not the one that it claims to be.

    One that is cut off in a handshake is not meant: it may be restarting.

    Raises:
        Refused: another connection would be no better.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError) or (
            isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS
        ):
            raise Refused(0, f"the server is not trusted: {cause}") from error


def not_reached(error: BaseException) -> Lost:
    """Say why no connection was made."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return Lost("its name is not known", unreachable=True)
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return Lost("nothing listens there", unreachable=True)
    return Lost(f"it cannot be reached ({error or 'no answer'})", unreachable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
