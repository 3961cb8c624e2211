"""Streams that are opened without a task: of topics that somebody reads here already."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import State

from ...config.settings import Settings
from ...eventlog.rules import LogRules
from ...hub.attach import Finished, Gone
from ...hub.hub import Hub
from ...hub.writer import offered_writer
from ...tracing.doing import DOING, Doing
from ..answer_fields import added_to_all, fields_of, lines_of
from ..front import PROMPT, STREAMS
from ..may import surely_may_read
from ..origins import Origins
from ..promptly import Asked, Reply
from ..query import query_of
from ..request_ids import HEADER, request_id_of
from ..stream_request import read_attach
from .sse_forms import SseForms, forms_for


class PromptStreams:
    """See `promptly.Kind`.

    Args:
        hub: has the readers.
        settings: of all streams.
        rules: which events count as unread.
        origins: which pages may read an answer.
        state: of the app: whether its answers are passed on by others.
    """

    ends: Final = STREAMS
    leaves: Final[frozenset[bytes]] = frozenset()

    def __init__(
        self, hub: Hub, settings: Settings, rules: LogRules, origins: Origins, state: State
    ) -> None:
        self._hub: Final = hub
        self._settings: Final = settings
        self._rules: Final = rules
        self._origins: Final = origins
        self._state: Final = state
        self._head: Final = lru_cache(256)(self._make_head)

    def take(self, asked: Asked, body: bytes, _reply: Reply) -> bool:
        """See `promptly.Kind`."""
        scope, settings = asked.scope, self._settings
        writer = None if self._state.is_proxied else offered_writer(scope)
        if writer is None or body or scope["http_version"] != "1.1":
            return False
        query = ASGIConnection[Any, Any, Any, Any](scope).query_params
        query_of(asked.handler).check(query)
        topics = asked.handler.opt[PROMPT](asked.found, query, settings.max_topics)
        attach = read_attach(
            topics,
            query,
            {"last-event-id": asked.text(b"last-event-id") or ""},
            heartbeat=settings.heartbeat,
            asker=asked.asker,
            unread=self._rules.current.unread,
            transport="sse",
            root_path="",
        )
        if not surely_may_read(asked.asker, topics):
            return False
        forms = forms_for(scope, query, settings.compression, is_open=self._state.is_open)
        request_id = request_id_of(asked.text(HEADER.encode()))
        writer.open(forms.chunked, settings.high_water)
        doing = DOING.set(Doing(request_id))
        try:
            reader = self._hub.attach_at_once(attach, writer)
        except (Gone, Finished):
            return False
        finally:
            DOING.reset(doing)
        if reader is None:
            return False
        head = self._head(forms, asked.text(b"origin"), asked.host)
        writer.begin(head % request_id.encode())
        return True

    def _make_head(self, forms: SseForms, origin: str | None, host: str) -> bytes:
        added = added_to_all(self._origins, origin, host)
        return lines_of((*fields_of(forms.head, added), (HEADER.encode(), b"%b")))
