"""Following topics over many connections, as pure decisions: ask, take, come back."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..backoff import grown, jittered
from .received import Received

#: Seconds that the wait before a reconnect grows to.
LONGEST_WAIT: Final = 30.0
#: Seconds that it does not fall below, whatever a server asks for: no busy loop.
SHORTEST_WAIT: Final = 0.05
#: Seconds before the first reconnect, where the server named no other.
_FIRST_WAIT: Final = 1.0
#: Seconds of silence after which the server is asked to send a sign of life.
HEARTBEAT: Final = 15
#: Seconds of silence after which a connection counts as dead: three heartbeats.
READ_TIMEOUT: Final = 3.0 * HEARTBEAT

EVENT_STREAM: Final = "text/event-stream"
_OK: Final = 200
_NO_CONTENT: Final = 204
_UNAUTHORIZED: Final = 401
#: Answers that another try may change: timeout, too many, and what proxies say in a deploy.
_WORTH_RETRYING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refused(Exception):
    """The server will not serve this, now or later; ``detail`` says why.

    ``status`` is that of its answer, 0 if there was none.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status: Final = status
        self.detail: Final = detail


class Follow:
    """One reader over all its connections: where it is, and what to do next.

    It does no I/O. A shell asks for a `request`, hands in the answer's status
    with `answered` and each event with `take`, and when the connection is over
    waits `wait()` seconds and starts again, until `done`.

    Args:
        renews: whether each request has a token of its own: one that is refused for
            it is repeated, once.
    """

    def __init__(
        self,
        topics: Sequence[str],
        *,
        start: str | None = None,
        until_end: bool = False,
        last_event_id: str | None = None,
        renews: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._topics: Final = list(topics)
        self._start: Final = start
        self._until_end: Final = until_end
        self._jitter: Final = jitter
        self._renews: Final = renews
        self._rejected = False
        self._failures = 0
        self._retry: float | None = None
        self._once: float | None = None
        self.last_event_id = last_event_id
        self.done = False
        #: Why the server ended this connection, where it said so.
        self.reason: str | None = None

    def request(self) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
        """The query parameters and the headers of the next connection."""
        self.reason = None
        query = [("topic", topic) for topic in self._topics]
        query.append(("heartbeat", str(HEARTBEAT)))
        if self._until_end:
            query.append(("until", "end"))
        headers = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        elif self._start is not None:
            query.append(("from", self._start))
        return tuple(query), headers

    def answered(
        self,
        status: int,
        body: bytes = b"",
        retry_after: str | None = None,
        content_type: str = EVENT_STREAM,
    ) -> bool:
        """Whether a stream follows; if not, try again unless `done`.

        `body` is that of an answer without a stream. What is not an event stream, such
        as the page of a proxy that asks who we are, is a refusal (WHATWG HTML,
        9.2.3 "Processing model").

        Raises:
            Refused: trying again would be answered the same.
        """
        if status == _OK:
            kind = content_type.partition(";")[0].strip().lower()
            if kind != EVENT_STREAM:
                raise Refused(
                    status, f"the server answered {kind or 'nothing'}, not an event stream"
                )
            return True
        if status == _NO_CONTENT:  # the stream is over, and was read to its end
            self.done = True
        elif status == _UNAUTHORIZED and self._renews and not self._rejected:
            self._rejected = True
            self._once = 0.0
        elif status not in _WORTH_RETRYING:
            raise Refused(status, detail_of(status, body))
        if retry_after is not None and retry_after.isdecimal():
            self._once = float(retry_after)
        return False

    def take(self, event: Received) -> None:
        """Move past `event`, and obey it if it is a control event."""
        self._failures = 0
        self._rejected = False
        # What no header can carry is not one of our ids, and would end the next request.
        if event.id is not None and event.id.isprintable() and event.id == event.id.strip():
            self.last_event_id = event.id
        if event.type == "end":
            # Of several jobs each has its own; an older server says nothing of others.
            self.done = not _field(event, "remaining")
        elif event.type == "reconnect":
            retry_ms = _field(event, "retry_ms")
            if isinstance(retry_ms, int | float):
                self._once = retry_ms / 1000
            self._heed_reason(event)
        elif event.type == "expired":
            self._heed_reason(event)

    def _heed_reason(self, event: Received) -> None:
        detail = _field(event, "detail")
        self.reason = detail if isinstance(detail, str) else None

    def retry_in(self, retry_ms: int | None) -> None:
        """Heed the stream's ``retry:``."""
        if retry_ms is not None:
            self._retry = retry_ms / 1000

    def wait(self) -> float:
        """Seconds to wait before the next connection; each failure in a row doubles them.

        Jittered from half to the whole, so that readers cut off together do not
        come back together.
        """
        once, self._once = self._once, None
        first = self._retry if self._retry is not None else _FIRST_WAIT
        longest = once if once is not None else grown(self._failures, first, LONGEST_WAIT)
        self._failures += 1
        return jittered(max(SHORTEST_WAIT, min(longest, LONGEST_WAIT)), self._jitter)


def _field(event: Received, name: str) -> object:
    """A field of a control event; None if it has none, as from a server that is not ours."""
    try:
        return event.fields().get(name)
    except msgspec.DecodeError:
        return None


def detail_of(status: int, body: bytes) -> str:
    """The reason of a refusal: the `detail` of its problem+json, or its status."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = {}
    return str(problem.get("detail") or f"the server answered {status}")
