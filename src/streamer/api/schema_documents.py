"""The schemas for programs: of the HTTP API, of its streams, and of events."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from litestar import Request
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from ..jobs.offers import OfferedKind
from .asyncapi import asyncapi
from .event_schemas import event_schemas, events_document
from .job_schemas import job_schemas
from .jobs import offered_kinds


def with_bodies(
    schema: dict[str, Any], offered: Mapping[str, OfferedKind] = MappingProxyType({})
) -> dict[str, Any]:
    """The framework's schema of the API, and those of the bodies of its streams and its jobs.

    `offered` are the kinds of job beside those that are installed here.
    """
    components = schema.get("components", {})
    schemas = {**components.get("schemas", {}), **event_schemas(), **job_schemas(offered)}
    return {**schema, "components": {**components, "schemas": schemas}}


class SchemaJson(OpenAPIRenderPlugin):
    """The schema for programs, at ``/schema/openapi.json``."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Encode the whole schema."""
        return self.render_json(request, with_bodies(openapi_schema, offered_kinds(request.app)))


class StreamsJson(OpenAPIRenderPlugin):
    """The streams as AsyncAPI, for programs, at ``/schema/asyncapi.json``."""

    def __init__(self) -> None:
        super().__init__(path="/asyncapi.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Encode what is said of the streams."""
        return self.render_json(request, asyncapi(openapi_schema))


class EventsJson(OpenAPIRenderPlugin):
    """The JSON Schema of all events, for programs, at ``/schema/events.json``."""

    def __init__(self) -> None:
        super().__init__(path="/events.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Encode the whole schema."""
        del openapi_schema  # events are the same, whatever addresses there are
        return self.render_json(request, events_document())
