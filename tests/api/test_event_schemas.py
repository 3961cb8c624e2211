"""Every event has one schema, and everything else that describes events is made from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args

import jsonschema_rs
import msgspec
import pytest

from streamer.api.event_schemas import FAMILIES, event_schemas, events_document
from streamer.chats.said import Attachment, Message, Reaction, Typing
from streamer.chats.speaker import Speaker
from streamer.cli.openapi import schema_text
from streamer.eventlog.presence import Member
from streamer.events import answer
from streamer.events.answer import text_part
from streamer.events.event import CONTROL_TYPES
from streamer.events.new_event import NewEvent
from streamer.publishing.answer_events import AnswerEvents
from streamer.publishing.notifications import Notifications
from streamer.testing import FakeClock, RecordingLog
from streamer.wire.websocket import Command
from support.front_end import js_module

ROOT: Final = Path(__file__).parents[2]

Fields = dict[str, Any]


def strict(name: str) -> Callable[[Fields], bool]:
    """Whether a body is as the schema of that name says, with no field that it does not list."""
    document = events_document()
    document["$ref"] = f"#/$defs/{name}"
    document["$defs"][name] = {**document["$defs"][name], "additionalProperties": False}
    return jsonschema_rs.validator_for(document).is_valid


def struct_of(kind: str) -> str:
    """The name of the schema of a type of our own."""
    (name,) = (
        name
        for name, schema in event_schemas().items()
        if schema.get("properties", {}).get("type", {}).get("const") == kind
    )
    return name


def body(kind: str, fields: Fields) -> Fields:
    return {"id": "1738483210123-0", "type": kind, "topic": "chats/42", **fields}


def body_of(event: NewEvent) -> Fields:
    return body(event.type, msgspec.json.decode(event.fields))


def said_by_people() -> Iterator[Fields]:
    ada = Speaker("7", "Ada")
    files = (Attachment("/a.png", "a.png", "image/png", 12), Attachment("/b", "b"))
    yield body("message", Message("hello").fields(ada))
    yield body("message", Message("", files, "1738483210123-0").fields(ada))
    yield body("reaction", Reaction("1738483210123-0", "👍").fields(ada))
    yield body("typing", Typing(is_typing=False).fields(ada))
    member = Member("chats/42", "c1", "7", "Ada")
    yield body_of(member.joins())
    yield body_of(member.leaves())


def said_of_answers() -> Iterator[Fields]:
    for reply_to in (None, "1738483210123-0"):
        events = AnswerEvents("chats/42", "a1", 2, reply_to)
        text = text_part("text", "text-2", "hello", opens=True)
        yield body_of(events.text(text, 1))
        yield body_of(events.text(text_part("text", "text-2", "hello"), 1))
        yield body_of(events.parts([{"type": "step"}], 1))
        yield body_of(events.begin())
        yield body_of(AnswerEvents("chats/42", "a1", 1, reply_to).begin())
        yield body_of(events.segment([text], 1, is_plain=True))
        yield body_of(events.segment([text], 1, is_plain=False))
        yield body_of(events.complete([text], "m1", "stop"))
        yield body_of(events.complete([text], None, None, is_plain=False))
        yield body_of(events.failed("away", "error"))
        yield body_of(events.failed("stopped", "cancelled", [text], segment=2))


def notified() -> Iterator[Fields]:
    log = RecordingLog(FakeClock())
    notifications = Notifications(log.sync_publisher)
    notifications.transcode_progress("v1", "running", 50, "half", user="7")
    notifications.transcode_complete("v1", "Cats", "hls", 12, user="7")
    notifications.transcode_failed("v1", "Cats", "no space")
    notifications.system_message("Back at 8", "warning")
    for event in log.published:
        yield body(event.type, dict(event.fields))


@pytest.mark.parametrize("said", [said_by_people, said_of_answers, notified])
def test_what_we_publish_has_the_fields_of_its_schema_and_no_other(
    said: Callable[[], Iterator[Fields]],
) -> None:
    bodies = list(said())
    assert len(bodies) >= 4
    for each in bodies:
        is_as_described = strict(struct_of(each["type"]))
        assert is_as_described(each), each
        # As strict as it says: a field more, or one less, is found.
        assert not is_as_described({**each, "surprise": 1})
        assert not is_as_described({name: each[name] for name in each if name != "topic"})


def test_every_type_of_an_answer_has_a_schema() -> None:
    """Whoever adds one to `events.answer` declares it in `answer_event`."""
    names = {
        value
        for name, value in vars(answer).items()
        if name.isupper() and isinstance(value, str) and value.startswith("ai_")
    }
    told = {struct.__struct_config__.tag for struct in FAMILIES["AnswerEvent"]}
    assert names
    assert names == told


def test_every_type_and_every_field_of_it_is_declared_once() -> None:
    schemas = event_schemas()
    kinds = [
        schema["properties"]["type"]["const"]
        for schema in schemas.values()
        if "const" in schema.get("properties", {}).get("type", {})
    ]
    assert sorted(kinds) == sorted(set(kinds))
    assert CONTROL_TYPES - {"open"} <= set(kinds)


def test_the_schema_of_events_is_a_json_schema_that_tells_bodies_apart() -> None:
    document = events_document()
    jsonschema_rs.meta.validate(document)
    is_body = jsonschema_rs.validator_for(document).is_valid
    assert is_body(body("progress", {"progress": 0.5}))
    assert not is_body(body("progress", {"progress": 1.5}))
    assert not is_body({"type": "gap", "topic": None})
    assert is_body(body("said", {"text": "whatever"}))


def asyncapi() -> Fields:
    text = (ROOT / "openapi" / "asyncapi.json").read_text(encoding="utf-8")
    document: Fields = json.loads(text)
    return document


def test_asyncapi_is_valid_by_the_schema_of_its_authors() -> None:
    schema = json.loads(js_module("@asyncapi/specs/schemas/3.0.0.json").read_text("utf-8"))
    is_valid = jsonschema_rs.validator_for(schema)
    errors = [
        (error.message[:200], error.instance_path) for error in is_valid.iter_errors(asyncapi())
    ]
    assert errors == []
    broken = asyncapi()
    del broken["info"]["version"]
    assert not is_valid.is_valid(broken)


def test_asyncapi_has_every_stream_with_all_it_sends_and_takes() -> None:
    document = asyncapi()
    openapi = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    streams = {
        path
        for path, item in openapi["paths"].items()
        # Of events: what the AI SDK reads is in its own words.
        if "$ref"
        in item.get("get", {})
        .get("responses", {})
        .get("200", {})
        .get("content", {})
        .get("text/event-stream", {})
        .get("schema", {})
    }
    channels = {channel["address"]: channel for channel in document["channels"].values()}
    assert set(channels) == streams
    for channel in channels.values():
        messages = [document["components"]["messages"][name] for name in channel["messages"]]
        kinds = {message["name"] for message in messages}
        assert CONTROL_TYPES - {"open"} <= kinds
        commands = {struct.__struct_config__.tag for struct in get_args(Command)}
        assert commands <= kinds
    chats = channels["/api/v1/chats/{chat_id}/stream"]["messages"]
    assert {"MessageEvent", "AiChunkEvent", "ReadEvent"} <= set(chats)
    assert "MessageEvent" not in channels["/api/v1/jobs/{job_id}/stream"]["messages"]


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (inner for name, inner in value.items() if name == "$ref")
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("kind", ["asyncapi", "events"])
def test_whatever_a_schema_refers_to_is_in_it(kind: Literal["asyncapi", "events"]) -> None:
    document = json.loads(schema_text(kind))
    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        where = document
        for step in reference.removeprefix("#/").split("/"):
            where = where[step]
