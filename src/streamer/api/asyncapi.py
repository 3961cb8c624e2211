"""The streams of the HTTP API as AsyncAPI 3: what is sent over each, and what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

import msgspec

from ..wire.websocket import Command
from .event_schemas import FAMILIES, STREAM_BODY, event_schemas
from .schema_parts import REF, camel

_Schema = dict[str, Any]

VERSION: Final = "3.0.0"
_MESSAGE: Final = "#/components/messages/{name}"
_CHANNEL: Final = "#/channels/{name}"

#: Families of events that only some streams carry, by how their address goes on.
_OF_CHATS: Final = ("ConversationEvent", "AnswerEvent", "ReadingEvent")
_BY_ADDRESS: Final[Mapping[str, tuple[str, ...]]] = {
    "/api/v1/chats/": _OF_CHATS,
    "/ws/chat/": _OF_CHATS,
    "/api/v1/ws/projects/": (),
    "/api/v1/ws": ("NotificationEvent", "ReadingEvent"),
    "/api/v1/stream": tuple(FAMILIES),
}


def asyncapi(openapi: Mapping[str, Any]) -> _Schema:
    """Every address of `openapi` that streams, as a channel that is also a WebSocket's."""
    streams = dict(_streams(openapi))
    schemas = {name: _plain(schema) for name, schema in event_schemas().items()}
    commands = _commands()
    bodies = {name: schema for name, schema in schemas.items() if "type" in _fields(schema)}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": openapi["info"]["title"],
            "version": openapi["info"]["version"],
            "description": "What comes over a stream, by server-sent events (`data:` is the "
            "payload, `event:` its type, but `failed` for `error`) or as text frames of a "
            "WebSocket at the same address. What else is asked over HTTP is in openapi.json.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "events": _server("http", "Server-sent events (WHATWG HTML, 9.2), of any HTTP."),
            "websocket": _server("ws", "WebSocket (RFC 6455): text frames, never fragmented."),
        },
        "channels": {
            name: _channel(path, operation, schemas, commands)
            for name, (path, operation) in streams.items()
        },
        "operations": {
            **{f"send{name}": _sends(name, path, schemas) for name, (path, _) in streams.items()},
            **{f"receive{name}": _receives(name, commands) for name in streams},
        },
        "components": {
            "messages": {
                name: _message(name, schema) for name, schema in {**bodies, **commands}.items()
            },
            "schemas": {**schemas, **commands},
            "securitySchemes": {
                name: {**proof, "type": "httpApiKey"} if proof["type"] == "apiKey" else proof
                for name, proof in openapi["components"]["securitySchemes"].items()
            },
        },
    }


def _streams(openapi: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, _Schema]]]:
    """By a name of its own, the address of each stream and what OpenAPI says of it."""
    for path, item in sorted(openapi["paths"].items()):
        answer = item.get("get", {}).get("responses", {}).get("200", {})
        stream = answer.get("content", {}).get("text/event-stream", {}).get("schema", {})
        if stream.get("$ref") == STREAM_BODY:
            words = [word for word in re.split(r"\W+", path.removeprefix("/api/v1")) if word]
            yield camel("_".join(words)), (path, item["get"])


def _server(protocol: str, description: str) -> _Schema:
    return {
        "host": "localhost:8000",
        "protocol": protocol,
        "description": description,
        "security": [
            {"$ref": f"#/components/securitySchemes/{name}"} for name in ("header", "url", "cookie")
        ],
    }


def _channel(
    path: str, operation: _Schema, schemas: _Schema, commands: Mapping[str, _Schema]
) -> _Schema:
    parameters = operation.get("parameters", ())
    query = {
        parameter["name"]: {**parameter["schema"], "description": parameter["description"]}
        for parameter in parameters
        if parameter["in"] == "query"
    }
    names = [*_sent_at(path, schemas), *commands]
    return {
        "address": path,
        "title": operation["summary"],
        "description": operation.get("description", operation["summary"]),
        "messages": {name: {"$ref": _MESSAGE.format(name=name)} for name in names},
        "parameters": {
            parameter["name"]: {"description": parameter.get("description", parameter["name"])}
            for parameter in parameters
            if parameter["in"] == "path"
        },
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {"type": "object", "properties": query},
                "bindingVersion": "0.1.0",
            }
        },
    }


def _sends(name: str, path: str, schemas: _Schema) -> _Schema:
    return {
        "action": "send",
        "channel": {"$ref": _CHANNEL.format(name=name)},
        "summary": "Events and controls, in the order of the log.",
        "messages": _messages_of(name, _sent_at(path, schemas)),
        "bindings": {"http": {"method": "GET", "bindingVersion": "0.3.0"}},
    }


def _receives(name: str, commands: Mapping[str, _Schema]) -> _Schema:
    return {
        "action": "receive",
        "channel": {"$ref": _CHANNEL.format(name=name)},
        "summary": "Commands, over WebSocket alone.",
        "messages": _messages_of(name, commands),
    }


def _messages_of(channel: str, names: Mapping[str, Any] | list[str]) -> list[_Schema]:
    return [{"$ref": f"{_CHANNEL.format(name=channel)}/messages/{name}"} for name in names]


def _sent_at(path: str, schemas: _Schema) -> list[str]:
    """The names of all bodies that the stream at `path` sends."""
    families = next((of for start, of in _BY_ADDRESS.items() if path.startswith(start)), ())
    bodies = _bodies(schemas, "StreamBody")
    return [*bodies, *(name for family in families for name in _bodies(schemas, family))]


def _bodies(schemas: _Schema, union: str) -> list[str]:
    return [choice["$ref"].rpartition("/")[2] for choice in schemas[union]["oneOf"]]


def _fields(schema: _Schema) -> _Schema:
    fields: _Schema = schema.get("properties", {})
    return fields


def _commands() -> dict[str, _Schema]:
    """What a client may send over a WebSocket, by name."""
    kinds = get_args(Command)
    refs, found = msgspec.json.schema_components(kinds, ref_template=REF)
    named = {}
    for ref in refs:
        schema = found[ref["$ref"].rpartition("/")[2]]
        named[f"{camel(schema['properties']['type']['enum'][0])}Command"] = schema
    return named


def _message(name: str, schema: _Schema) -> _Schema:
    kind = schema["properties"]["type"]
    word = kind.get("const") or next(iter(kind.get("enum", ())), None)
    first = schema.get("description", name).partition("\n")[0]
    return {
        "name": word or "any other",
        "title": name,
        "summary": first,
        "contentType": "application/json",
        "payload": {"$ref": REF.format(name=name)},
    }


def _plain(schema: _Schema) -> _Schema:
    """A schema without what AsyncAPI writes otherwise: there, a discriminator is a name alone."""
    return {word: said for word, said in schema.items() if word != "discriminator"}
