"""The committed schema is that of the code."""

from __future__ import annotations

import json
from pathlib import Path

from streamer.cli.openapi import schema_text

FILE = Path(__file__).parents[1] / "openapi" / "openapi.json"


def test_the_schema_is_current() -> None:
    """Whoever changes the HTTP API writes the schema again, and sees what clients will see."""
    assert FILE.read_text(encoding="utf-8") == schema_text(), "write it again: make openapi"


def test_the_schema_is_the_same_each_time() -> None:
    assert schema_text() == schema_text()


def test_every_address_of_a_project_is_in_it() -> None:
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    project = "/api/v1/projects/{project_id}"
    assert {f"{project}/stream", f"{project}/events", f"{project}/status"} <= set(paths)
