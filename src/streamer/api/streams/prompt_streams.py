"""Streams that are opened without a task: of topics that somebody reads here already."""

from __future__ import annotations

from typing import Final, NamedTuple

from litestar import Litestar

from ...config.settings import Settings
from ...hub.attach import Attach, Finished, Gone
from ...hub.writer import offered_writer
from ..answer_fields import added_to_all, fields_of, lines_of
from ..codings import accepted_in
from ..front import PROMPT, STREAMS
from ..may import surely_may_read
from ..promptly import Asked, Reply, query_in
from ..request_ids import HEADER
from ..stream_request import attach_of, read_query, read_resume, resume_in
from .alike import Alike
from .sse_forms import SseForms, forms_for

_ID: Final = HEADER.encode()


class _Answer(NamedTuple):
    """How requests that ask alike are answered.

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
        app: has the hub, and says who may read an answer.
        settings: of all streams.
    """

    ends: Final = STREAMS

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self._state: Final = app.state
        self._hub: Final = app.state.hub
        self._rules: Final = app.state.log.rules
        self._settings: Final = settings
        self._answers: Final = Alike[_Answer]()

    def take(self, asked: Asked, body: bytes, _reply: Reply | None) -> bool:
        """See `promptly.Kind`."""
        scope = asked.scope
        writer = None if self._state.is_proxied else offered_writer(scope)
        if writer is None or body or scope["http_version"] != "1.1":
            return False
        accepted, origin = accepted_in(asked.headers), asked.text(b"origin")
        like = (scope["path"], scope["query_string"], accepted, origin, asked.host)
        answer = self._answers.get(like)
        if answer is None:
            answer = self._answers.keep(like, self._read(asked, accepted, origin))
        topics, high_water = answer.asked.topics, self._settings.high_water
        if not surely_may_read(asked.asker, topics):
            return False
        resume = read_resume(asked.text(b"last-event-id"), answer.resume)
        attach = attach_of(answer.asked, resume, asked.asker, self._rules.current.unread)
        try:
            reader = asked.do(
                lambda: self._hub.attach_at_once(
                    attach, writer, lambda: writer.open(answer.forms.chunked, high_water)
                )
            )
        except (Gone, Finished):
            return False
        if reader is None:
            return False
        writer.begin(b"%b%b\r\n" % (answer.head, asked.request_id.encode()))
        return True

    def _read(self, asked: Asked, accepted: str, origin: str | None) -> _Answer:
        """Read what is asked for; raises a `StreamerError` where it is nothing there is."""
        settings, state = self._settings, self._state
        query = query_in(asked)
        topics = asked.handler.opt[PROMPT](asked.found, query, settings.max_topics)
        attach = read_query(
            topics, query, heartbeat=settings.heartbeat, transport="sse", root_path=""
        )
        forms = forms_for(accepted, query, settings.compression, is_open=state.is_open)
        added = added_to_all(state.origins, origin, asked.host)
        head = lines_of(fields_of(forms.head, added)) + _ID + b": "
        return _Answer(attach, resume_in(query), forms, head)
