"""A UI message stream as server-sent events: chunks alone, and nothing that ends it early; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...errors import NotFound
from ...events.answer import ENDS
from ...events.answer_fold import AnswerFold
from ...events.control import Control
from ...events.event import Event
from ...events.json_line import encode_line
from ...wire.sse import HEARTBEAT, chunk
from .chunks import ABANDONED, Chunk, beginning, chunks_of, ending, said

#: What its clients expect of an answer, beside what every stream has.
HEADERS: Final = {"x-vercel-ai-ui-message-stream": "v1"}
#: The last frame. There is none where a stream was cut.
DONE: Final = b"data: [DONE]\n\n"


class UiMessageStream:
    """Chunks as frames; of what it has no chunk for it says nothing.

    Args:
        chunked: wrap each buffer as an HTTP/1.1 chunk, for writing straight to a transport.
    """

    #: The frames of an event do not depend on `chunked`.
    name = "ui-message-stream"

    def __init__(self, *, chunked: bool = False) -> None:
        self._chunked = chunked
        self.heartbeat = self.wrap(HEARTBEAT)

    def event(self, event: Event) -> bytes:
        """A frame for each chunk of an event; behind an answer's end, the last frame."""
        frames = frames_of(chunks_of(event))
        return frames + DONE if event.type in ENDS and frames else frames

    def control(self, control: Control) -> bytes:
        """What was said before it began, with `connected`; of any other, nothing."""
        if control.type != "connected":
            return b""
        replay: bytes = control.fields.get("greeting", {}).get("replay", b"")
        return replay

    def wrap(self, frames: bytes) -> bytes:
        """`frames` as they are, or as one chunk; nothing stays nothing: it would be an end."""
        return chunk(frames) if self._chunked and frames else frames


def frames_of(chunks: Iterable[Chunk]) -> bytes:
    """Chunks as frames."""
    return b"".join(b"data: %b\n\n" % encode_line(chunk) for chunk in chunks)


def replay_of(answer: str, said_of: AnswerFold | None, *, abandoned: bool = False) -> bytes:
    """The stream up to what was said by now: a chunk for each part; if it is over, all of it.

    One that is `abandoned`, of which nobody will hear any more, is over too: as an error.

    Raises:
        NotFound: some of what was said is not kept any longer.
    """
    chunks = beginning(answer)
    if said_of is None:
        return frames_of(chunks)
    parts = said_of.parts()
    if parts is None:
        raise NotFound("some of the answer is not kept any longer")
    chunks += said(parts)
    if said_of.end is None or said_of.ended is None:
        return frames_of([*chunks, ABANDONED]) + DONE if abandoned else frames_of(chunks)
    return frames_of([*chunks, *ending(said_of.end.type, said_of.ended)]) + DONE


PLAIN: Final = UiMessageStream()
CHUNKED: Final = UiMessageStream(chunked=True)
