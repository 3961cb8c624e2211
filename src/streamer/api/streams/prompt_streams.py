"""Streams that are opened without a task: of topics that somebody reads here already.

What does not depend on who asks is read once for all that ask alike: after a restart, that is
everybody who reads the same page.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from litestar.connection import ASGIConnection
from litestar.datastructures import State

from ...config.settings import Settings
from ...eventlog.rules import LogRules
from ...hub.attach import Attach, Finished, Gone
from ...hub.hub import Hub
from ...hub.writer import offered_writer
from ...tracing.doing import DOING, Doing
from ..answer_fields import added_to_all, fields_of, lines_of
from ..codings import accepted_in
from ..front import PROMPT, STREAMS
from ..may import surely_may_read
from ..origins import Origins
from ..promptly import Asked, Reply
from ..query import query_of
from ..request_ids import HEADER, request_id_of
from ..stream_request import attach_of, read_query, read_resume, resume_in
from .sse_forms import SseForms, forms_for

#: Requests that are remembered, and bytes of one; anybody may send others.
_KEPT: Final = 512
_KEPT_BYTES: Final = 2048

_ID: Final = HEADER.encode()


class _Like(NamedTuple):
    """What is alike in requests that are answered alike, whoever sends them."""

    path: str
    query: bytes
    accepted: str
    origin: str | None
    host: str

    @property
    def size(self) -> int:
        """Bytes, about."""
        parts = (self.path, self.query, self.accepted, self.origin or "", self.host)
        return sum(map(len, parts))


class _Answer(NamedTuple):
    """How such requests are answered.

    Attributes:
        asked: what they ask for.
        resume: where their URL says that they resume.
        forms: of the stream.
        head: its lines, up to the id of the request.
    """

    asked: Attach
    resume: str | None
    forms: SseForms
    head: bytes


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
        self._answers: Final[dict[_Like, _Answer]] = {}

    def take(self, asked: Asked, body: bytes, _reply: Reply) -> bool:
        """See `promptly.Kind`."""
        scope, headers = asked.scope, asked.headers
        writer = None if self._state.is_proxied else offered_writer(scope)
        if writer is None or body or scope["http_version"] != "1.1":
            return False
        like = _Like(
            scope["path"],
            scope["query_string"],
            accepted_in(headers),
            asked.text(b"origin"),
            asked.host,
        )
        answer = self._answers.get(like) or self._keep(like, self._read(asked, like))
        topics = answer.asked.topics
        if not surely_may_read(asked.asker, topics):
            return False
        resume = read_resume(asked.text(b"last-event-id"), answer.resume)
        attach = attach_of(answer.asked, resume, asked.asker, self._rules.current.unread)
        request_id = request_id_of(asked.text(_ID))
        writer.open(answer.forms.chunked, self._settings.high_water)
        doing = DOING.set(Doing(request_id))
        try:
            reader = self._hub.attach_at_once(attach, writer)
        except (Gone, Finished):
            return False
        finally:
            DOING.reset(doing)
        if reader is None:
            return False
        writer.begin(b"%b%b\r\n" % (answer.head, request_id.encode()))
        return True

    def _read(self, asked: Asked, like: _Like) -> _Answer:
        """Read what is asked for; raises a `StreamerError` where it is nothing there is."""
        settings = self._settings
        query = ASGIConnection[Any, Any, Any, Any](asked.scope).query_params
        query_of(asked.handler).check(query)
        topics = asked.handler.opt[PROMPT](asked.found, query, settings.max_topics)
        attach = read_query(
            topics, query, heartbeat=settings.heartbeat, transport="sse", root_path=""
        )
        is_open = self._state.is_open
        forms = forms_for(like.accepted, query, settings.compression, is_open=is_open)
        added = added_to_all(self._origins, like.origin, like.host)
        head = lines_of(fields_of(forms.head, added)) + _ID + b": "
        return _Answer(attach, resume_in(query), forms, head)

    def _keep(self, like: _Like, answer: _Answer) -> _Answer:
        if like.size <= _KEPT_BYTES:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            self._answers[like] = answer
        return answer
