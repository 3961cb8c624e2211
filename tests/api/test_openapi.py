"""The committed schema is that of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

from litestar.routes import HTTPRoute

from streamer.api.query import query_of
from streamer.app import create_app
from streamer.cli.openapi import schema_text
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog

FILE = Path(__file__).parents[2] / "openapi" / "openapi.json"


def test_the_schema_is_current() -> None:
    """Whoever changes the HTTP API writes the schema again, and sees what clients will see."""
    assert FILE.read_text(encoding="utf-8") == schema_text(), "write it again: make openapi"


def test_the_schema_is_the_same_each_time() -> None:
    assert schema_text() == schema_text()


def test_every_address_of_a_project_is_in_it() -> None:
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    project = "/api/v1/projects/{project_id}"
    assert {f"{project}/stream", f"{project}/events", f"{project}/status"} <= set(paths)


def test_the_schema_names_every_parameter_that_is_allowed_and_no_other() -> None:
    """What is not in it is refused."""
    app = create_app(Settings(), MemoryEventLog())
    operations = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    seen = set()
    for route in app.routes:
        for handler in [] if not isinstance(route, HTTPRoute) else route.route_handlers:
            path = re.sub(r":[a-z]+}", "}", route.path)
            for method in {m.lower() for m in handler.http_methods} & set(operations.get(path, {})):
                parameters = operations[path][method].get("parameters", [])
                named = {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
                query = query_of(handler)
                assert set(named) == {*query.once, *query.repeated}, path
                many = {name for name, schema in named.items() if schema.get("type") == "array"}
                assert many == set(query.repeated), path
                seen.add((method, path))
    assert len([path for _, path in seen if path.startswith("/api/v1")]) >= 20


def test_it_says_where_a_token_is() -> None:
    schema = json.loads(schema_text())
    places = schema["components"]["securitySchemes"]
    assert {name: (at["type"], at.get("in")) for name, at in places.items()} == {
        "header": ("http", None),
        "url": ("apiKey", "query"),
        "cookie": ("apiKey", "cookie"),
    }
    # Or none at all: a server may be open.
    assert schema["security"] == [{"header": []}, {"url": []}, {"cookie": []}, {}]
