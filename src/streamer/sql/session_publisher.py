"""Publishes within the transaction of a session."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from ..errors import InvalidParameter
from ..events.new_event import MAX_EVENT_BYTES, check_key, new_event
from ..publishing.job_publishing import JobPublishing
from ..tracing.doing import current_trace
from .table import WaitingRow

AnySession = Session | AsyncSession | scoped_session[Session] | async_scoped_session[AsyncSession]


class SessionPublisher(JobPublishing[None]):
    """Publishes what is committed, and nothing that is rolled back.

    An event is a row of the session's transaction; `streamer.relay` or the command
    ``streamer relay`` takes it to the log. Nothing here waits for the log, or asks it.

    Args:
        session: a `Session` or an `AsyncSession` of SQLAlchemy, or a scoped one.
        max_event_bytes: largest SSE frame of one event.

    Raises:
        TypeError: `session` is none.
    """

    def __init__(self, session: AnySession, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        if not isinstance(session, Session | AsyncSession | scoped_session | async_scoped_session):
            raise TypeError(
                f"{type(session).__name__} is no session; give a Session or an AsyncSession "
                "of SQLAlchemy"
            )
        self._session: Final = session
        self.max_event_bytes: Final = max_event_bytes

    def publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        ephemeral: bool = False,
        unless: Iterable[str] = (),
    ) -> None:
        """Add an event to the session, which writes it when it flushes.

        Whatever could be no event is refused here, and not when it is relayed.

        Raises:
            InvalidInput: what `new_event` refuses; an ephemeral event, which nothing
                stores; a key that no column of text can hold.
            EventTooLarge: the body would be over the limit.
        """
        if ephemeral:
            raise InvalidParameter(
                "an ephemeral event is stored nowhere, so it cannot wait for a transaction; "
                "publish it with a Publisher or a SyncPublisher"
            )
        keys = tuple(unless)
        for key in keys:
            check_key(key)
        for key in (idempotency_key or "", *keys):
            if "\0" in key or not _is_unicode(key):
                raise InvalidParameter(f"the idempotency key {key!r} is not text of a database")
        event = new_event(
            topics,
            event_type,
            fields,
            idempotency_key=idempotency_key,
            unless=keys,
            trace=current_trace(),
            max_bytes=self.max_event_bytes,
        )
        row = WaitingRow(
            key=idempotency_key or uuid.uuid4().hex,
            topics=list(event.topics),
            type=event.type,
            fields=event.fields.decode(),
            unless=list(keys) or None,
        )
        self._session.add(row)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
