"""``streamer openapi``: the schemas of the HTTP API, of its streams, and of events, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

import rich_click as click

from .command import Command

Kind = Literal["openapi", "asyncapi", "events"]
_KINDS: Final = ("openapi", "asyncapi", "events")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--of",
    "kind",
    type=click.Choice(_KINDS),
    default="openapi",
    show_default=True,
    help="The HTTP API (OpenAPI 3.1), its streams (AsyncAPI 3), or all events (JSON Schema).",
)
def openapi(file: Path | None, kind: Kind) -> None:
    """Write the schema of the HTTP API, of its streams or of events to FILE, or print it."""
    text = schema_text(kind)
    if file is None:
        click.echo(text, nl=False)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def schema_text(kind: Kind = "openapi") -> str:
    """A schema as JSON, the same for the same code: indented, one line end last."""
    from ..api.asyncapi import asyncapi
    from ..api.event_schemas import events_document
    from ..api.schema_documents import with_bodies
    from ..app import create_app
    from ..config.settings import Settings
    from ..eventlog.memory.log import MemoryEventLog

    if kind == "events":
        return _text(events_document())
    app = create_app(Settings(), MemoryEventLog())
    schema = with_bodies(app.openapi_schema.to_schema())
    return _text(asyncapi(schema)) if kind == "asyncapi" else _text(schema, sort_keys=True)


def _text(schema: dict[str, Any], *, sort_keys: bool = False) -> str:
    return json.dumps(schema, indent=2, sort_keys=sort_keys, ensure_ascii=False) + "\n"
