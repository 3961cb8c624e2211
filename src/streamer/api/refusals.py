"""Who is refused is counted; that, and how the access of a stream went on, is logged."""

from __future__ import annotations

from typing import Any

from ..access.audit import Happening, audit
from ..errors import Forbidden, StreamerError, TokenExpired, TokenRevoked, Unauthorized
from ..hub.reader import Reader
from ..hub.stream_ids import shown
from ..metrics import Metrics
from .asker import Connection, asked_by, client_of


def note_refusal(connection: Connection, error: StreamerError) -> None:
    """Count `error`, the answer to `connection`; if it is one of access, log it."""
    metrics: Metrics = connection.app.state.metrics
    metrics.refused(error.code)
    note_denial(connection.scope, error)


def note_denial(scope: Any, error: StreamerError) -> None:  # noqa: ANN401 - an ASGI scope
    """Log `error` if it says that somebody may not do what is asked in `scope`."""
    if not isinstance(error, Unauthorized | Forbidden):
        return
    asker = asked_by(scope)
    subject = error.subject if isinstance(error, Unauthorized) else ""
    audit(
        _happening(error),
        code=error.code,
        reason=error.detail,
        subject=subject or ("" if asker is None else asker.subject),
        client=client_of(scope),
        method=scope.get("method", "WEBSOCKET"),
        path=scope["path"],
    )


def note_end(reader: Reader, error: StreamerError) -> None:
    """Log that a stream ended with the token it was opened with, as `error` says."""
    audit(_happening(error), code=error.code, reason=error.detail, **_named(reader))


def note_renewal(reader: Reader) -> None:
    """Log that a stream goes on with a new token."""
    audit("refreshed", **_named(reader))


def _named(reader: Reader) -> dict[str, str]:
    return {
        "subject": reader.subject,
        "client": reader.client,
        "transport": reader.transport,
        "topics": " ".join(reader.session.topics),
        "connection": shown(reader.stream_id),
    }


def _happening(error: StreamerError) -> Happening:
    match error:
        case TokenExpired():
            return "expired"
        case TokenRevoked():
            return "revoked"
        case _:
            return "refused"
