"""The pages of the site that are made of the code: events, addresses, commands, errors, the API."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

import streamer
from streamer import errors
from streamer.api.event_schemas import FAMILIES, events_document
from streamer.cli import main
from streamer.cli.openapi import schema_text

_Schema = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[2]

_EVENTS: Final = """# Events

Every body that a stream can carry, as its schema says; what they mean is in
[the protocol](../PROTOCOL.md). All of it for programs:
[events.schema.json](../../openapi/events.schema.json) (JSON Schema),
[events.d.ts](../../src/streamer/web/client/events.d.ts) (TypeScript),
[asyncapi.json](../../openapi/asyncapi.json) (AsyncAPI 3).

Every event has `type`, `topic` and, unless it is ephemeral, `id` and `timestamp`; `topics` has
all of its topics where there are several.
"""
_ADDRESSES: Final = """# Every address

The HTTP API, from [openapi.json](../../openapi/openapi.json); a server shows the same at `/schema`.
[HTTP](../HTTP.md) has the short list, [the protocol](../PROTOCOL.md) what each means to a client.
"""
_ERRORS: Final = """# Errors

One table of all refusals. Over HTTP they are `application/problem+json`, over WebSocket the frame
`refused` and a close code ([the protocol](../PROTOCOL.md#errors)); in Python they are classes of
`streamer.errors`, all of them `StreamerError`.

| code | HTTP | close | again? | raised as | |
|---|---|---|---|---|---|"""

#: Fields that every event has, and that are said once.
_OF_ALL: Final = ("id", "topic", "topics", "timestamp")
#: Groups of addresses, those that most people look for first; then whatever else there is.
_FIRST: Final = ("streams", "polling", "publishing", "jobs", "notifications", "chats", "uploads")
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def with_docstrings(markdown: str) -> str:
    """`docs/API.md` with the docstring of each name below it."""

    def shown(found: re.Match[str]) -> str:
        value = getattr(streamer, found[1])
        home = getattr(value, "__module__", "")
        if not home.startswith("streamer."):
            return found[0]  # an alias of a type, or a text: it has no docstring
        return f"{found[0]}\n::: {home}.{value.__qualname__}\n"

    return re.sub(r"^### `(\w+)`\n\n(?:.+\n)+", shown, markdown, flags=re.MULTILINE)


def events() -> str:
    """Every body of a stream, with its fields."""
    schemas = events_document()["$defs"]
    lines = [_EVENTS]
    of_jobs = [name for name in _names(schemas["Event"]) if name != "OtherEvent"]
    families = {
        "Of jobs": ("What a snapshot is made of.", of_jobs),
        **{
            _title(family): (schemas[family]["description"], _names(schemas[family]))
            for family in FAMILIES
        },
        "Of any other type": (schemas["OtherEvent"]["description"], ["OtherEvent"]),
        "Controls": (
            "What the server itself sends to one reader; they have no id of their own.",
            [name for name in _names(schemas["StreamBody"]) if not name.endswith("Event")],
        ),
    }
    listed = {name for _, names in families.values() for name in names}
    within = [name for name, schema in schemas.items() if name not in listed | _unions(schemas)]
    families["What is within them"] = ("State, and what events are made of.", within)
    for title, (said, names) in families.items():
        lines += [f"## {title}", "", said, ""]
        for name in names:
            lines += _body(name, schemas[name])
    return "\n".join(lines)


def _unions(schemas: Mapping[str, _Schema]) -> set[str]:
    return {name for name, schema in schemas.items() if "oneOf" in schema}


def _names(union: _Schema) -> list[str]:
    return [choice["$ref"].rpartition("/")[2] for choice in union["oneOf"]]


def _title(family: str) -> str:
    return {
        "ConversationEvent": "Of conversations",
        "AnswerEvent": "Of answers",
        "NotificationEvent": "Of notifications",
        "ReadingEvent": "Of reading",
    }.get(family, f"Of {family.removesuffix('Event').lower()}")


def _body(name: str, schema: _Schema) -> Iterator[str]:
    kind = schema.get("properties", {}).get("type", {}).get("const")
    yield f"### `{kind or name}` {{ #{name.lower()} }}"
    yield from ("", schema.get("description", ""), "")
    if "enum" in schema:
        yield from (", ".join(f"`{value}`" for value in schema["enum"]), "")
    if kind:
        yield from (f"TypeScript: `{name}`", "")
    fields = {
        field: rule
        for field, rule in schema.get("properties", {}).items()
        if field != "type" and not (name.endswith("Event") and field in _OF_ALL)
    }
    if fields:
        yield from ("| field | type | |", "|---|---|---|")
        required = schema.get("required", ())
        for field, rule in fields.items():
            said = " ".join(
                filter(None, [rule.get("description"), _may_be_absent(field, required)])
            )
            yield f"| `{field}` | {_words(rule)} | {_cell(said)} |"
        yield ""


def _may_be_absent(field: str, required: Collection[str]) -> str:
    return "" if field in required else "May be absent."


def _words(rule: _Schema) -> str:
    """A field's schema in a few words."""
    if "$ref" in rule:
        name = rule["$ref"].rpartition("/")[2]
        if name == "Event":
            return "any event"
        return f"[{name}](#{name.lower()})"
    if "const" in rule:
        return f"`{json.dumps(rule['const'])}`"
    if choices := rule.get("anyOf"):
        return " or ".join(_words(choice) for choice in choices)
    if values := rule.get("enum"):
        return " or ".join(f"`{json.dumps(value)}`" for value in values)
    kinds = rule.get("type", "any JSON")
    words: str = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "items" in rule:
        words += f" of {_words(rule['items'])}"
    if isinstance(rule.get("additionalProperties"), dict):
        words += f" of {_words(rule['additionalProperties'])}"
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None:
        words += f", {low:g} to {high:g}"
    return words


def addresses() -> str:
    """Every address of the HTTP API, with its parameters and its answers."""
    schema = json.loads(schema_text())
    lines = [_ADDRESSES]
    groups: dict[str, list[str]] = {}
    for path, item in sorted(schema["paths"].items()):
        for method in _METHODS:
            if (operation := item.get(method)) is not None:
                tag = next(iter(operation.get("tags") or ()), "other")
                groups.setdefault(tag, []).extend(_operation(path, method, operation))
    for tag in (*_FIRST, *(tag for tag in groups if tag not in _FIRST)):
        lines += [f"## {tag.capitalize()}", "", *groups.get(tag, ())]
    return "\n".join(lines)


def _operation(path: str, method: str, operation: _Schema) -> Iterator[str]:
    slug = re.sub(r"\W+", "-", f"{method}{path}").strip("-").lower()
    yield f"### `{method.upper()} {path}` {{ #{slug} }}"
    yield from ("", operation["summary"] + ".", "")
    if (described := operation.get("description")) and described != operation["summary"]:
        yield from (_prose(described), "")
    if parameters := operation.get("parameters"):
        yield from ("| parameter | where | |", "|---|---|---|")
        for parameter in parameters:
            said = _cell(parameter.get("description", ""))
            yield f"| `{parameter['name']}` | {parameter['in']} | {said} |"
        yield ""
    yield from ("| answer | |", "|---|---|")
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_cell(answer.get('description', ''))} |"
    yield ""


def commands() -> str:
    """The help of every command."""
    with click.Context(main, info_name="streamer") as context:
        return "\n".join(
            line for name in main.commands for line in _command(name, main.commands[name], context)
        )


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        usage = " ".join(["streamer", name, *command.collect_usage_pieces(context)])
        yield from (f"## streamer {name}", "", "```text", usage, "```", "")
        yield from (_prose(inspect.cleandoc(command.help or "")), "")
        rows = [
            (record, said)
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option)
            for record, said in filter(None, [parameter.get_help_record(context)])
        ]
        yield from ("| option | |", "|---|---|")
        for record, said in rows:
            yield f"| `{_cell(record)}` | {_cell(said)} |"
        yield ""


def refusals() -> str:
    """Every error: over HTTP, over WebSocket, and as Python raises it."""
    lines = [_ERRORS]
    classes = {
        kind.code: kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.StreamerError) and "code" in vars(kind)
    }
    for code, outcome in errors.OUTCOMES.items():
        kind = classes.get(code)
        said = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0] if kind else ""
        name = f"`{kind.__name__}`" if kind else ""
        again = "yes" if outcome.retry else "no"
        close = outcome.close_code
        lines.append(
            f"| `{code}` | {outcome.status} | {close} | {again} | {name} | {_cell(said)} |"
        )
    return "\n".join([*lines, ""])


def examples() -> str:
    """Whole projects, each with the words that its README begins with."""
    lines = ["# Whole projects", "", "Each is a folder of `examples/`, run by the tests.", ""]
    for path in sorted((ROOT / "examples").glob("*/README.md")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n\n")
        first = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text.partition("\n\n")[0])
        link = f"../../examples/{path.parent.name}/README.md"
        lines += [f"## [{title.removeprefix('# ')}]({link})", "", first, ""]
    return "\n".join(lines)


def _prose(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(_prose(text).split()).replace("|", "\\|")


#: Each page, by its name below ``reference/``.
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "errors": refusals,
    "events": events,
    "examples": examples,
    "http": addresses,
}
