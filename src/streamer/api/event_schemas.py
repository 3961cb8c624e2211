"""What OpenAPI says of every body that a stream can carry; all schemas of events come from here.

A type of its own is a `msgspec.Struct` beside what publishes it, and a member of the union of
its family; so are its fields. `openapi/events.schema.json`, the types of the JavaScript client
and AsyncAPI follow from these.
"""

from __future__ import annotations

import inspect
from typing import Any, Final, get_args

import msgspec

from ..chats.chat_event import ChatEvent
from ..events.event import CONTROL_TYPES
from ..events.job_event import JOB_EVENT_TYPES, JobEvent
from ..events.reading import ReadEvent
from ..events.trace import MAX_STATE
from ..jobs.telling_event import TellingEvent
from ..publishing.answer_event import AnswerEvent
from ..publishing.notification_event import NotificationEvent
from .control_schemas import CONTROLS
from .schema_parts import CURSOR, REF, TEXT, TEXTS, WHEN, camel, kind_of
from .state_schemas import STATES

_Schema = dict[str, Any]

#: Any body of a stream, and any event: an element of a poll's answer.
STREAM_BODY: Final = REF.format(name="StreamBody")
EVENT: Final = REF.format(name="Event")
GAP: Final = REF.format(name="Gap")

#: What this project itself publishes beside the events of jobs, by the name of the family.
#: Anybody may publish events of these types elsewhere, with fields of their own: to a reader
#: who does not know the topic each of them is an `OtherEvent`.
FAMILIES: Final[dict[str, tuple[type[msgspec.Struct], ...]]] = {
    "TellingEvent": get_args(TellingEvent),
    "ConversationEvent": get_args(ChatEvent),
    "AnswerEvent": get_args(AnswerEvent),
    "NotificationEvent": get_args(NotificationEvent),
    "ReadingEvent": (ReadEvent,),
}
_FAMILY_SAYS: Final = {
    "TellingEvent": "What a job tells while it runs, beside its progress, on its topics.",
    "ConversationEvent": "What is said on `chats/{id}` by people.",
    "AnswerEvent": "What is said on `chats/{id}` of an answer.",
    "NotificationEvent": "What `Notifications` says on `users/{id}`, `admin` and `system`.",
    "ReadingEvent": "How far somebody has read, on the topic itself.",
}

#: What the server adds to a publisher's own fields.
_ENVELOPE: Final[_Schema] = {
    "id": {**CURSOR, "description": "The event's id; an ephemeral event has none."},
    "topic": {**TEXT, "description": "The first of its topics."},
    "topics": {**TEXTS, "description": "All of its topics, where there are several."},
    "timestamp": {**WHEN, "description": "When the log took it; by the log's clock."},
    "traceparent": {
        "type": "string",
        "pattern": r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "description": "Where in which trace it was published (W3C Trace Context); if in any.",
    },
    "tracestate": {
        "type": "string",
        "maxLength": MAX_STATE,
        "description": "What vendors say of that trace (W3C Trace Context); if they say anything.",
    },
}

_OTHER: Final[_Schema] = {
    "type": "object",
    "description": "Any other type, with the publisher's own fields.",
    "properties": {
        "type": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_.-]{0,63}$",
            "not": {"enum": sorted(JOB_EVENT_TYPES | CONTROL_TYPES)},
        },
        **_ENVELOPE,
    },
    "required": ["type", "topic"],
    "additionalProperties": True,
}


def event_schemas() -> dict[str, _Schema]:
    """The schemas of all bodies, by name, as OpenAPI has them."""
    jobs, families, beside = _published()
    controls = {kind: camel(kind) for kind in CONTROLS}
    named = {name: schema for family in families.values() for name, schema in family.items()}
    return {
        "StreamBody": _union(
            _by_type(jobs) | controls,
            "One body of a stream: a `data:` line.",
            "OtherEvent",
        ),
        "Event": _union(_by_type(jobs), "One event of a topic.", "OtherEvent"),
        **jobs,
        "OtherEvent": _OTHER,
        **{name: CONTROLS[kind] for kind, name in controls.items()},
        **{
            family: _union(_by_type(schemas), _FAMILY_SAYS[family])
            for family, schemas in families.items()
        },
        **named,
        **beside,
        **STATES,
    }


def events_document() -> _Schema:
    """All of it as one JSON Schema (draft 2020-12): any body, or by name under ``$defs``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:streamer:events",
        "title": "What comes over a stream",
        "$ref": "#/$defs/StreamBody",
        "$defs": _without_discriminators(_relocated(event_schemas())),
    }


def _published() -> tuple[dict[str, _Schema], dict[str, dict[str, _Schema]], dict[str, _Schema]]:
    """The events of jobs and those of each family, by name; and what their fields refer to."""
    job_types = get_args(JobEvent)
    structs = [*job_types, *(struct for family in FAMILIES.values() for struct in family)]
    refs, found = msgspec.json.schema_components(structs, ref_template=REF)
    names = {
        struct: ref["$ref"].rpartition("/")[2] for struct, ref in zip(structs, refs, strict=True)
    }
    events = {struct: _event(struct, found.pop(name)) for struct, name in names.items()}

    def of(family: tuple[type[msgspec.Struct], ...]) -> dict[str, _Schema]:
        return {f"{camel(_kind(events[struct]))}Event": events[struct] for struct in family}

    beside = {name: {**schema, "description": _first(schema)} for name, schema in found.items()}
    return of(job_types), {name: of(family) for name, family in FAMILIES.items()}, beside


def _event(struct: type[msgspec.Struct], schema: _Schema) -> _Schema:
    kind = schema["properties"]["type"]["enum"][0]
    own = {name: _described(field) for name, field in schema["properties"].items()}
    del own["type"]
    return {
        "type": "object",
        "description": inspect.cleandoc(struct.__doc__ or ""),
        "properties": {"type": kind_of(kind), **_ENVELOPE, **own},
        "required": ["topic", *schema["required"]],
        "additionalProperties": True,
    }


def _first(schema: _Schema) -> str:
    """What a struct is, without what its docstring says to who reads its code."""
    described: str = schema.get("description", "")
    return described.partition("\n\n")[0]


def _described(field: _Schema) -> _Schema:
    """A field that may be null, described as a whole, and without a default: it may be absent."""
    field = {name: value for name, value in field.items() if name != "default"}
    told = [choice.get("description") for choice in field.get("anyOf", ())]
    return {**field, "description": told[0]} if told and told[0] else field


def _kind(schema: _Schema) -> str:
    kind: str = schema["properties"]["type"]["const"]
    return kind


def _by_type(schemas: dict[str, _Schema]) -> dict[str, str]:
    return {_kind(schema): name for name, schema in schemas.items()}


def _union(kinds: dict[str, str], description: str, *others: str) -> _Schema:
    """One of `kinds`, names by type, or of `others`, which may be of any other type."""
    refs = {kind: REF.format(name=kinds[kind]) for kind in sorted(kinds)}
    more = (REF.format(name=name) for name in others)
    return {
        "description": description,
        "oneOf": [{"$ref": ref} for ref in (*refs.values(), *more)],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _relocated(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case dict():
            return {name: _relocated(inner) for name, inner in value.items()}
        case list():
            return [_relocated(inner) for inner in value]
        case str() if value.startswith(REF.format(name="")):
            return value.replace(REF.format(name=""), "#/$defs/")
        case _:
            return value


def _without_discriminators(schemas: dict[str, _Schema]) -> dict[str, _Schema]:
    """OpenAPI's hint for code generators is none of JSON Schema's words."""
    return {
        name: {word: said for word, said in schema.items() if word != "discriminator"}
        for name, schema in schemas.items()
    }
