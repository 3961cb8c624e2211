"""Streams over WebSocket that are opened without a task: of topics that somebody reads already."""

from __future__ import annotations

from typing import Final

from litestar import Litestar

from ...access.credentials import forget, spoken
from ...config.settings import Settings
from ...hub.attach import Attach, Finished, Gone
from ...hub.writer import OfferedWriter, offered_writer
from ..asker import keep_asker
from ..front import PROMPT, STREAMS
from ..may import surely_may_read
from ..origins import Origins
from ..promptly import Asked, Reply, query_in
from ..request_ids import HEADER
from ..stream_request import (
    attach_of,
    headers_in,
    read_query,
    read_resume,
    reads_messages,
    resume_in,
)
from .alike import Alike
from .commands import Commands
from .websocket import SPEECH, SUBPROTOCOL, form_for

_ID: Final = HEADER.encode()


class PromptSockets:
    """See `promptly.Kind`.

    Args:
        app: has the hub, and says which pages may open a socket.
        settings: of all streams.
    """

    ends: Final = STREAMS

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self._app: Final = app
        self._hub: Final = app.state.hub
        self._origins: Final[Origins] = app.state.origins
        self._rules: Final = app.state.log.rules
        self._settings: Final = settings
        # What is asked for, and where the URL says that they resume.
        self._asked: Final = Alike[tuple[Attach, str | None]]()

    def take(self, asked: Asked, _body: bytes, _reply: Reply | None) -> bool:
        """See `promptly.Kind`."""
        scope = asked.scope
        writer = offered_writer(scope)
        if writer is None:
            return False
        self._origins.check(headers_in(asked.headers))
        like = (scope["path"], scope["query_string"])
        found = self._asked.get(like) or self._asked.keep(like, self._read(asked))
        attach, in_query = found
        if not surely_may_read(asked.asker, attach.topics):
            return False
        resume = read_resume(asked.text(b"last-event-id"), in_query)
        attach = attach_of(attach, resume, asked.asker, self._rules.current.unread)
        return self._begin(asked, attach, writer)

    def _begin(self, asked: Asked, attach: Attach, writer: OfferedWriter) -> bool:
        scope = asked.scope
        speech: type[Commands] = asked.handler.opt.get(SPEECH, Commands)

        def accept() -> None:
            form = form_for(writer, speech, self._app.state)
            named = [(_ID, asked.request_id.encode())]
            writer.accept_with(named, spoken(scope["subprotocols"], SUBPROTOCOL))
            writer.open(form, self._settings.high_water)

        try:
            reader = asked.do(lambda: self._hub.attach_at_once(attach, writer, accept))
        except (Gone, Finished):
            return False
        if reader is None:
            return False
        # As whoever hears what its client says finds it.
        scope["app"] = scope["litestar_app"] = self._app
        scope["route_handler"], scope["path_params"] = asked.handler, asked.found
        scope["path_template"] = asked.template
        keep_asker(scope, asked.asker)
        scope["headers"] = []  # else a token would live as long as the socket
        forget(scope)
        writer.listen(speech(scope, self._hub, reader, attach.topics))
        return True

    def _read(self, asked: Asked) -> tuple[Attach, str | None]:
        """Read what is asked for; raises a `StreamerError` where it is nothing there is."""
        settings = self._settings
        query = query_in(asked)
        reads_messages(query)  # it changes nothing: no frame has a name
        topics = asked.handler.opt[PROMPT](asked.found, query, settings.max_topics)
        attach = read_query(
            topics, query, heartbeat=settings.heartbeat, transport="websocket", root_path=""
        )
        return attach, resume_in(query)
