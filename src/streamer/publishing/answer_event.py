"""What the events of an answer say, as its readers get them; what OpenAPI says of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

_Answer = Annotated[str, Meta(description="The answer's name, the same in all its attempts.")]
_Attempt = Annotated[int, Meta(ge=1, description="Which attempt says it, from 1 on.")]
_ReplyTo = Annotated[str, Meta(description="The id of the message that is answered.")]
_Segment = Annotated[
    int, Meta(ge=1, description="Which segment of the answer it is of, from 1 on.")
]
_Chunk = Annotated[str, Meta(description="What was said of the text since the chunk before it.")]
_Part = Annotated[str, Meta(description="Which part it continues, as `text-1`.")]
_Opens = Annotated[Literal[True], Meta(description="It is the first of its part.")]
_Parts = Annotated[
    list[dict[str, Any]], Meta(description="What is said, in order; each has a `type`.")
]
_AllParts = Annotated[
    list[dict[str, Any]],
    Meta(description="All that the segment said, where that is more than one text."),
]
_Text = Annotated[str, Meta(description="All of the segment's text.")]
_Last = Annotated[int, Meta(ge=1, description="The number of the last segment: so many there are.")]
_Model = Annotated[str, Meta(description="Which model said it.")]
_Finish = Annotated[
    str, Meta(description="The model's own word, as `stop`; `length`: there was no more room.")
]
_Why = Annotated[str, Meta(description="What went wrong, for a person.")]
_SoFar = Annotated[str, Meta(description="The text of the last attempt's last segment, if any.")]


class _OfAnswer(msgspec.Struct, tag_field="type", kw_only=True):
    answer: _Answer
    attempt: _Attempt
    reply_to: _ReplyTo | UnsetType = UNSET


class AiStartEvent(_OfAnswer, tag="ai_start"):
    """An answer was asked for, or begins."""


class AiChunkEvent(_OfAnswer, tag="ai_chunk"):
    """A piece of an answer's text; all of an attempt together are the text."""

    chunk: _Chunk
    segment: _Segment
    part: _Part
    opens: _Opens | UnsetType = UNSET


class AiPartsEvent(_OfAnswer, tag="ai_parts"):
    """What else an answer says: reasoning, tools, sources, files, data, steps."""

    segment: _Segment
    parts: _Parts


class AiSegmentEvent(_OfAnswer, tag="ai_segment"):
    """All that one segment said of an answer longer than one event; its pieces are gone."""

    segment: _Segment
    message: _Text
    parts: _AllParts | UnsetType = UNSET


class AiResetEvent(_OfAnswer, tag="ai_reset"):
    """Another attempt begins: what was said of the answer so far is void."""


class AiCompleteEvent(_OfAnswer, tag="ai_complete"):
    """The answer is whole: all that its last segment said; its pieces are gone."""

    message: _Text
    is_user: Literal[False]
    segment: _Last
    parts: _AllParts | UnsetType = UNSET
    model: _Model | UnsetType = UNSET
    finish_reason: _Finish | UnsetType = UNSET


class AiFailedEvent(_OfAnswer, tag="ai_failed"):
    """There will be no whole answer: no attempt is left, or somebody stopped it."""

    error: _Why
    reason: Literal["error", "cancelled"]
    is_user: Literal[False]
    segment: _Last | UnsetType = UNSET
    message: _SoFar | UnsetType = UNSET
    parts: _AllParts | UnsetType = UNSET


#: Every event that an answer has.
AnswerEvent = (
    AiStartEvent
    | AiChunkEvent
    | AiPartsEvent
    | AiSegmentEvent
    | AiResetEvent
    | AiCompleteEvent
    | AiFailedEvent
)
