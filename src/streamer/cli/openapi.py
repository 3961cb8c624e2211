"""``streamer openapi``: the schema of the HTTP API, as a file."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from .command import Command


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def openapi(file: Path | None) -> None:
    """Write the OpenAPI schema to FILE, or print it."""
    text = schema_text()
    if file is None:
        click.echo(text, nl=False)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def schema_text() -> str:
    """The schema as JSON, the same for the same code: sorted, indented, one line end last."""
    import json

    from ..api.reference import with_events
    from ..app import create_app
    from ..config.settings import Settings
    from ..eventlog.memory.log import MemoryEventLog

    app = create_app(Settings(), MemoryEventLog())
    schema = with_events(app.openapi_schema.to_schema())
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
