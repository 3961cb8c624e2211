"""Following topics over many connections, as pure decisions: ask, take, come back."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from ..backoff import grown, jittered
from ..config.server_url import API
from .event import POSITIONS, EndEvent, Event, GapEvent, NotAnEvent, event_of
from .received import Received
from .refusals import Interruption, Lost, Refused, Unreachable, refusal, status_of

#: Seconds that the wait before a reconnect grows to.
LONGEST_WAIT: Final = 30.0
#: Seconds that a server can ask for at most: it may have meant milliseconds.
LONGEST_ASKED: Final = 300.0
#: Seconds that it does not fall below, whatever a server asks for: no busy loop.
SHORTEST_WAIT: Final = 0.05
#: Seconds before the first reconnect, where the server named no other.
_FIRST_WAIT: Final = 1.0
#: Seconds of silence after which the server is asked to send a sign of life.
HEARTBEAT: Final = 15
#: Heartbeats without one, after which a connection counts as dead.
HEARTBEATS: Final = 3
#: What a server may be asked for, in seconds.
HEARTBEAT_RANGE: Final = range(1, 301)
#: What a server takes: batches of events a second.
MIN_RATE: Final = 0.1
MAX_RATE: Final = 50.0

EVENT_STREAM: Final = "text/event-stream"
_OK: Final = 200
_NO_CONTENT: Final = 204
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Answers that another try may change: timeout, too many, and what proxies say in a deploy.
_WORTH_RETRYING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Close codes that say no, where no frame said why: docs/PROTOCOL.md, "Closing".
_FINAL_CODES: Final = {1008: "the server refused this", 1009: "a frame was too large"}
#: What the client itself heeds, and nobody else needs.
_HEEDED: Final = frozenset(
    {"reconnect", "expiring", "expired", "refreshed", "refused", "pong", "subscribed"}
)
#: The shape of an id: it orders the events of one stream, and only those.
_ID: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,20})", re.ASCII)
#: Where a token is renewed; another path is not given one.
_REFRESH: Final = re.compile(re.escape(API) + r"/streams/[A-Za-z0-9_.~-]{1,200}/token")


class Reader:
    """One reader over all its connections: where it is, and what to do next.

    It does no I/O. A shell asks for a `request`, hands in the answer's status
    with `answered` and each frame with `take`, and when the connection is over
    asks `interrupted` how long to wait and starts again, until `done`.

    Args:
        renews: whether each request has a token of its own: one that is refused for
            it is repeated, once, and one that ends is renewed.
        heartbeat: seconds of silence after which the server sends a sign of life.
        rate: batches of events a second at most, merged; None: each event as it comes.
        max_attempts: connections in a row that may fail; None: any number.
    """

    def __init__(
        self,
        topics: Sequence[str],
        *,
        start: str | None = None,
        until_end: bool = False,
        after: str | None = None,
        renews: bool = False,
        heartbeat: int = HEARTBEAT,
        rate: float | None = None,
        max_attempts: int | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._topics: Final = list(topics)
        self._start: Final = start
        self._until_end: Final = until_end
        self._jitter: Final = jitter
        self._renews: Final = renews
        self._max_attempts: Final = max_attempts
        self.heartbeat: Final = heartbeat
        self._rate: Final = rate
        #: Seconds of silence after which a connection counts as dead.
        self.silence: Final = float(HEARTBEATS * heartbeat)
        self._rejected = False
        self._failures = 0
        self._attempts = 0
        self._failed = True
        self._retry: float | None = None
        self._once: float | None = None
        self._reason: str | None = None
        #: The highest id that was handed on: whatever comes at or below it was seen.
        self._seen: tuple[int, int] | None = None
        self.last_event_id = after
        self.done = False
        #: Whether the server has asked to leave this connection.
        self.leaving = False
        #: Where the token of this stream is to be renewed, once; the shell takes it.
        self.refresh: str | None = None

    def request(self, *, in_query: bool = False) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """The query parameters and the headers of the next connection.

        `in_query` has the position there, for those that cannot resume with a header.
        """
        self._reason = self.refresh = None
        self.leaving = False
        self._failed = True
        query = [("topic", topic) for topic in self._topics]
        query.append(("heartbeat", str(self.heartbeat)))
        if self._rate is not None:
            query.append(("rate", f"{self._rate:g}"))
        if self._until_end:
            query.append(("until", "end"))
        headers = {}
        if self.last_event_id is not None:
            if in_query:
                query.append(("last_event_id", self.last_event_id))
            else:
                headers["Last-Event-ID"] = self.last_event_id
        elif self._start is not None:
            query.append(("from", self._start))
        return query, headers

    def answered(
        self,
        status: int,
        body: bytes = b"",
        retry_after: str | None = None,
        content_type: str | None = EVENT_STREAM,
    ) -> bool:
        """Whether a stream follows; if not, try again unless `done`.

        `body` is that of an answer without a stream. What is not an event stream, such
        as the page of a proxy that asks who we are, is a refusal (WHATWG HTML,
        9.2.3 "Processing model").

        Raises:
            Refused: trying again would be answered the same.
            Lost: try again.
        """
        if status == _OK:
            kind = (content_type or "").partition(";")[0].strip().lower()
            if kind == EVENT_STREAM:
                return True
            if content_type is None and not body:
                raise Lost("the answer was cut off")  # within its head
            raise Refused(status, f"the server answered {kind or 'nothing'}, not an event stream")
        if status == _NO_CONTENT:  # the stream is over, and was read to its end
            self.done = True
            return False
        if status == _UNAUTHORIZED and self._may_renew():
            raise Lost(refusal(status, body).detail)
        if status not in _WORTH_RETRYING:
            raise refusal(status, body)
        if retry_after is not None and retry_after.isdecimal() and int(retry_after) > 0:
            self._once = float(retry_after)
        raise Lost(f"the server answered {status}")

    def moved(self, status: int, location: str | None) -> None:
        """Refuse to go to `location`, where no transport can be led there.

        Raises:
            Refused: if the status is that of a redirect.
        """
        if status in _REDIRECTS and location:
            raise Refused(status, f"the server has moved; follow it at {location}")

    def take(self, received: Received) -> Event | None:
        """Move past a frame, and obey it if it is a control event; the event to hand on.

        None: it is nobody's but ours, or it was handed on before.

        Raises:
            Refused: the server says no, or is not a Streamer.
        """
        try:
            event = event_of(received)
        except NotAnEvent as error:
            raise Refused(
                _OK, "received an event that is not a JSON object; is this a Streamer server?"
            ) from error
        if event.type == "refused":
            self._refused(event)
            return None
        self._failures = self._attempts = 0
        self._failed = self._rejected = False
        if self._is_seen(event):
            return None
        # What no header can carry is not one of our ids, and would end the next request.
        if event.id is not None and event.id.isprintable() and event.id == event.id.strip():
            self.last_event_id = event.id
        self._obey(event)
        return None if event.type in _HEEDED else event

    def _is_seen(self, event: Event) -> bool:
        """Whether an event that is stored has come before; a log that starts over forgets."""
        if isinstance(event, GapEvent) and event.reason == "reset":
            self._seen = None
        # These say where the reader is, as often as they like.
        if event.id is None or event.type in POSITIONS:
            return False
        match = _ID.fullmatch(event.id)
        if match is None:
            return False
        position = int(match[1]), int(match[2])
        if self._seen is not None and position <= self._seen:
            return True
        self._seen = position
        return False

    def _obey(self, event: Event) -> None:
        match event.type:
            case "end":
                # Of several jobs each has its own.
                self.done = isinstance(event, EndEvent) and not event.remaining
            case "reconnect":
                retry_ms = event.fields.get("retry_ms")
                if isinstance(retry_ms, int | float):
                    self._once = retry_ms / 1000
                self._leave(event)
            case "expired":
                self._leave(event)
            case "expiring" if self._renews:
                path = event.fields.get("refresh")
                if isinstance(path, str) and _REFRESH.fullmatch(path):
                    self.refresh = path

    def _leave(self, event: Event) -> None:
        detail = event.fields.get("detail")
        self._reason = detail if isinstance(detail, str) else None
        self.leaving = True

    def _refused(self, event: Event) -> None:
        code = event.fields.get("code")
        status = status_of(code)
        detail = event.fields.get("detail")
        sentence = detail if isinstance(detail, str) else "the server refused this"
        if not event.fields.get("retry") and not (status == _UNAUTHORIZED and self._may_renew()):
            raise Refused(status, sentence, code if isinstance(code, str) else None)
        seconds = event.fields.get("retry_after")
        if isinstance(seconds, int | float) and seconds > 0:
            self._once = float(seconds)
        self._leave(event)

    def _may_renew(self) -> bool:
        """Whether another token is worth a try: once, and at once."""
        if not self._renews or self._rejected:
            return False
        self._rejected = True
        self._failed = False
        self._once = 0.0
        return True

    def retry_in(self, retry_ms: int | None) -> None:
        """Heed the stream's ``retry:``."""
        if retry_ms is not None:
            self._retry = retry_ms / 1000

    def closed(self, code: int | None, reason: str) -> None:
        """Report a WebSocket that was closed, with the code of its close frame if one came.

        Raises:
            Refused: the code says no, and no frame said why.
            Lost: otherwise.
        """
        if not self.leaving and code in _FINAL_CODES:
            raise Refused(0, reason or _FINAL_CODES[code])
        if code is None:
            raise Lost("the connection was lost")
        raise Lost("the server closed the stream")

    def interrupted(self, lost: Lost | None = None) -> Interruption:
        """The connection is over: how long to wait for the next one.

        Each failure in a row, a connection without a frame, doubles the wait. It is
        jittered from half to the whole, so that readers cut off together do not come
        back together; what a server asked for is waited for exactly.

        Raises:
            Unreachable: as many attempts failed as may.
        """
        reason = self._reason or (lost.reason if lost else "the server closed the stream")
        if self._failed:
            self._failures += 1
        if self._max_attempts is not None and self._failures >= self._max_attempts:
            raise Unreachable(reason, self._failures)
        self._attempts += 1
        return Interruption(
            reason, self._wait(), self._attempts, lost is not None and lost.unreachable
        )

    def _wait(self) -> float:
        once, self._once = self._once, None
        if once is not None:
            return max(SHORTEST_WAIT, min(once, LONGEST_ASKED))
        first = self._retry if self._retry is not None else _FIRST_WAIT
        longest = grown(max(self._failures - 1, 0), first, LONGEST_WAIT)
        return jittered(max(SHORTEST_WAIT, longest), self._jitter)
