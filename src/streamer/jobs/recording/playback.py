"""The frames of a recording again, from its events; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from .frames import WITH_RESPONSE, Frame
from .record_events import BEGUN, ENDED, FRAMES, REFUSED


class Refusal(msgspec.Struct, frozen=True):
    """What the AI server answered instead of a stream.

    Attributes:
        status: its HTTP status; 502 if it could not be asked.
        said: its body, or a sentence.
        retry_after: its ``Retry-After``.
    """

    status: int
    said: str
    retry_after: str | None = None


class End(msgspec.Struct, frozen=True):
    """How a recording ended.

    Attributes:
        status: ``completed``, ``failed`` or ``cancelled``.
        reason: a word for why it is not whole.
        error: a sentence.
    """

    status: str
    reason: str | None = None
    error: str = ""


class Playback:
    """Takes the events of one recording in order, from its first that is kept.

    Attributes:
        begun: whether its beginning is there: not, if it is no longer kept.
        model: what was asked for.
        created: when, in seconds since 1970; 0 if that is not known.
        number: of its last frame; -1 if there is none.
        response: the data of its last frame that has the whole response.
        upstream: the AI server's own name of it.
        refusal, end: how it ended, if it has.
    """

    def __init__(self) -> None:
        self.begun = False
        self.model = ""
        self.created = 0
        self.number = -1
        self.response: str | None = None
        self.upstream: str | None = None
        self.refusal: Refusal | None = None
        self.end: End | None = None
        self._parts: list[str] = []

    @property
    def is_over(self) -> bool:
        """Whether no frame follows."""
        return self.end is not None or self.refusal is not None

    def take(self, kind: str, fields: Mapping[str, Any]) -> list[Frame]:
        """Take an event of that type; return the frames that are whole with it."""
        if self.is_over:
            return []
        match kind:
            case k if k == BEGUN:
                self.begun = True
                self.model = str(fields.get("model", ""))
                self.created = self.created or int(fields.get("created", 0))
            case k if k == REFUSED:
                self.refusal = Refusal(
                    int(fields.get("status", 502)),
                    str(fields.get("said", "")),
                    fields.get("retry_after"),
                )
            case k if k == ENDED:
                self.end = End(
                    str(fields.get("status")), fields.get("reason"), str(fields.get("error", ""))
                )
            case k if k == FRAMES:
                self.upstream = fields.get("upstream") or self.upstream
                return [f for piece in fields.get("frames", ()) if (f := self._frame(piece))]
        return []

    def _frame(self, piece: Mapping[str, Any]) -> Frame | None:
        data, part = piece["data"], piece.get("part", 0)
        if part != len(self._parts):
            self._parts = []  # its beginning is no longer kept
            return None
        if piece.get("more"):
            self._parts.append(data)
            return None
        if self._parts:
            data = "".join([*self._parts, data])
            self._parts = []
        frame: Final = Frame(piece["number"], piece["event"], data)
        self.number = frame.number
        if frame.name in WITH_RESPONSE:
            self.response = data
        return frame
