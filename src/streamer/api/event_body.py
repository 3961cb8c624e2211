"""What a body says is to be published, and whether whoever asks may."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..errors import InvalidFields, InvalidJSON, InvalidTopic
from ..events.new_event import MAX_TOPICS
from .asker import Asker
from .may import may_publish
from .speaker import speak_as_oneself

#: The topics, the type and the fields of an event.
Said = tuple[tuple[str, ...], str, dict[str, Any]]


def read_event(asker: Asker, topic: str | None, body: bytes) -> Said:
    """Read ``{"type": ..., fields}``, to `topic` or else to the topics that it names.

    Raises:
        InvalidJSON: it is not a JSON object.
        InvalidFields, InvalidTopic: it names no type, or no topic.
        Forbidden: `asker` may not publish it.
    """
    fields = _object(body)
    event_type = fields.pop("type", None)
    if not isinstance(event_type, str):
        raise InvalidFields('the body must name the event\'s type, as in {"type":"progress"}')
    topics = (topic,) if topic is not None else _take_topics(fields)
    speak_as_oneself(asker, topics, event_type, fields)
    if topic is None:
        # With more it is refused, whatever the others are.
        may_publish(asker, topics[: MAX_TOPICS + 1])
    return topics, event_type, fields


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidJSON(
            f"the body is a JSON {_JSON_NAMES.get(type(fields), 'value')}; "
            'it must be an object such as {"type":"progress","progress":0.5}'
        )
    return fields


_JSON_NAMES: Final = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def _take_topics(fields: dict[str, Any]) -> tuple[str, ...]:
    """What the body names, without repeats."""
    topic, topics = fields.pop("topic", None), fields.pop("topics", None)
    if isinstance(topic, str) and topics is None:
        return (topic,)
    if topic is None and isinstance(topics, list) and all(isinstance(t, str) for t in topics):
        return tuple(dict.fromkeys(topics))
    raise InvalidTopic('the body must name "topic", a string, or "topics", a list of strings')
