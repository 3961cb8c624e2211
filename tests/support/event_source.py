"""An EventSource's own parser, by the letter of WHATWG HTML 9.2.5 and 9.2.6."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

_LINE_END: Final = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class SourceEvent:
    """One event as it would be dispatched."""

    type: str
    data: str
    last_event_id: str

    @property
    def body(self) -> dict[str, Any]:
        """Its data, which is JSON."""
        body: dict[str, Any] = msgspec.json.decode(self.data)
        return body


@dataclass
class EventSourceParser:
    """Bytes in, events out.

    Attributes:
        comments: how many comment lines came.
        retry_ms: the reconnection time, if it was set.
    """

    events: list[SourceEvent] = field(default_factory=list)
    comments: int = 0
    retry_ms: int | None = None
    last_event_id: str = ""

    def __post_init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._rest = ""
        self._began = False
        self._after_return = False
        self._type, self._data, self._id = "", "", ""

    def feed(self, data: bytes) -> None:
        """Read what came."""
        text = self._decoder.decode(data)
        if text and not self._began:
            self._began = True
            text = text.removeprefix("\ufeff")
        if self._after_return and text:
            text = text.removeprefix("\n")  # the second half of a CRLF
            self._after_return = False
        if text:
            self._after_return = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            self._line(line)

    @property
    def cursor(self) -> str:
        """What it would come back with in ``Last-Event-ID``."""
        return self.last_event_id

    @property
    def is_between_events(self) -> bool:
        """Whether nothing of an event has come that is not dispatched yet."""
        return not (self._rest or self._data or self._type or self._id != self.last_event_id)

    def _line(self, line: str) -> None:
        if not line:
            self._dispatch()
        elif line.startswith(":"):
            self.comments += 1
        else:
            name, _, value = line.partition(":")
            self._field(name, value.removeprefix(" "))

    def _field(self, name: str, value: str) -> None:
        match name:
            case "event":
                self._type = value
            case "data":
                self._data += value + "\n"
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value)

    def _dispatch(self) -> None:
        self.last_event_id = self._id
        kind, data = self._type, self._data
        self._type, self._data = "", ""
        if data:
            event = SourceEvent(kind or "message", data.removesuffix("\n"), self.last_event_id)
            self.events.append(event)
