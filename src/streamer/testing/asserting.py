"""`assert_published`, and what it says when it was not."""

from __future__ import annotations

from typing import Any, Final

from .recording import Published, RecordingLog

#: Events of a topic that a failure lists, the last ones.
_LISTED: Final = 20


def assert_published(log: RecordingLog, topic: str, event_type: str, /, **fields: Any) -> Published:  # noqa: ANN401 - any JSON
    """Return the last event on `topic` of that type that has `fields`, whatever others it has.

    Raises:
        AssertionError: there is none; it lists what was published there.
    """
    of_topic = [event for event in log.published if topic in event.topics]
    found = _matching(of_topic, event_type, fields)
    if not found:
        raise AssertionError(
            f"no {_shown(event_type, fields)} was published on {topic}; {_what_was(log, of_topic)}"
        )
    return found[-1]


def assert_not_published(log: RecordingLog, topic: str, event_type: str, /, **fields: Any) -> None:  # noqa: ANN401 - any JSON
    """Return if no event on `topic` of that type has `fields`.

    Raises:
        AssertionError: there is one.
    """
    found = _matching([e for e in log.published if topic in e.topics], event_type, fields)
    if found:
        raise AssertionError(
            f"{_shown(found[-1].type, found[-1].fields)} was published on {topic}, and should not"
        )


def _matching(events: list[Published], event_type: str, fields: dict[str, Any]) -> list[Published]:
    return [
        event
        for event in events
        if event.type == event_type
        and all(name in event.fields and event.fields[name] == fields[name] for name in fields)
    ]


def _what_was(log: RecordingLog, of_topic: list[Published]) -> str:
    if of_topic:
        lines = [_shown(event.type, event.fields) for event in of_topic[-_LISTED:]]
        return "\n  ".join(["what was:", *lines])
    others = sorted({topic for event in log.published for topic in event.topics})
    return f"only on: {', '.join(others)}" if others else "nothing was published at all"


def _shown(event_type: str, fields: dict[str, Any]) -> str:
    return " ".join([event_type, *(f"{name}={value!r}" for name, value in fields.items())])
