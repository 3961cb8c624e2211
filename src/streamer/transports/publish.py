"""Publishing over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import HeaderParameter, Parameter

from ..errors import EventTooLarge, InvalidFields, InvalidJSON, InvalidTopic, TooManyRequests
from ..publisher import Publisher
from ..rate import Rate
from ..settings import Settings
from ..topic import project_topic
from .documentation import ApiOperation
from .stream_request import client_of, subject_of


class Published(msgspec.Struct):
    """What a publisher is told: the event's id; null for an ephemeral event."""

    id: str | None


@dataclass
class PublishOperation(ApiOperation):
    """An address that takes an event."""

    def __post_init__(self) -> None:
        """Say what the body is: it is read by hand, for errors that help."""
        super().__post_init__()
        properties = {"type": Schema(type=OpenAPIType.STRING, pattern=r"^[a-z][a-z0-9_.-]{0,63}$")}
        required = ["type"]
        if not self.parameters or all(p.param_in != "path" for p in self.parameters):  # type: ignore[union-attr]
            properties["topic"] = Schema(type=OpenAPIType.STRING)
            properties["topics"] = Schema(
                type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING)
            )
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties=properties,  # type: ignore[arg-type]
            required=required,
            additional_properties=True,
            description="One flat object: the type, and the event's own fields.",
        )
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=schema)}, required=True
        )


_Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        description="A repeat with the same key within a day returns the first event's id.",
    ),
]
_Ephemeral = Annotated[
    bool, Parameter(description="Notify those who are live now; store nothing, give no id.")
]


async def refuse_if_too_often(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """Refuse unread what an address or a token publishes beyond its rate.

    Raises:
        TooManyRequests: with the seconds to wait.
    """
    rate: Rate = connection.app.state.publish_rate
    now = time.monotonic()
    wait = rate.wait(client_of(connection), now)
    subject = subject_of(connection.headers.get("authorization"))
    if subject and not wait:
        wait = rate.wait(subject, now)
    if wait:
        raise TooManyRequests(
            f"you publish too often; try again in {wait:.3f} seconds", retry_after=wait
        )


@post(
    "/api/v1/projects/{project_id:str}/events",
    operation_class=PublishOperation,
    guards=[refuse_if_too_often],
    summary="Publish to one project",
    tags=["publishing"],
)
async def publish_to_project(
    request: Request[Any, Any, Any],
    idempotency_key: _Key = None,
    ephemeral: _Ephemeral = False,  # noqa: FBT002 - a query parameter
) -> Published:
    """Append ``{"type": ..., fields}`` to a project's events and notify its readers."""
    event_type, fields = await _read(request)
    topic = project_topic(request.path_params["project_id"])
    return await _publish(request, topic, event_type, fields, idempotency_key, ephemeral)


@post(
    "/api/v1/events",
    operation_class=PublishOperation,
    guards=[refuse_if_too_often],
    summary="Publish to any topics",
    tags=["publishing"],
)
async def publish(
    request: Request[Any, Any, Any],
    idempotency_key: _Key = None,
    ephemeral: _Ephemeral = False,  # noqa: FBT002 - a query parameter
) -> Published:
    """Append ``{"topic": ..., "type": ..., fields}`` (or ``topics``) and notify readers."""
    event_type, fields = await _read(request)
    topics = _take_topics(fields)
    return await _publish(request, topics, event_type, fields, idempotency_key, ephemeral)


PUBLISH_HANDLERS = (publish_to_project, publish)


async def _publish(  # noqa: PLR0917 - the parts of one request
    request: Request[Any, Any, Any],
    topics: str | list[str],
    event_type: str,
    fields: dict[str, Any],
    idempotency_key: str | None,
    ephemeral: bool,  # noqa: FBT001
) -> Published:
    # Not injected: Litestar resolves dependencies in a task group for each request.
    publisher: Publisher = request.app.state.publisher
    event_id = await publisher.publish(
        topics, event_type, fields, idempotency_key=idempotency_key, ephemeral=ephemeral
    )
    return Published(None if event_id is None else str(event_id))


async def _read(request: Request[Any, Any, Any]) -> tuple[str, dict[str, Any]]:
    settings: Settings = request.app.state.settings
    max_bytes = settings.max_event_bytes
    body = await request.body()
    if len(body) > max_bytes:
        raise EventTooLarge(f"the body has {len(body)} bytes; at most {max_bytes} are allowed")
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidJSON(
            f"the body is a JSON {_JSON_NAMES.get(type(fields), 'value')}; "
            'it must be an object such as {"type":"progress","progress":0.5}'
        )
    event_type = fields.pop("type", None)
    if not isinstance(event_type, str):
        raise InvalidFields('the body must name the event\'s type, as in {"type":"progress"}')
    return event_type, fields


_JSON_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def _take_topics(fields: dict[str, Any]) -> str | list[str]:
    topic, topics = fields.pop("topic", None), fields.pop("topics", None)
    if isinstance(topic, str) and topics is None:
        return topic
    if topic is None and isinstance(topics, list) and all(isinstance(t, str) for t in topics):
        return topics
    raise InvalidTopic('the body must name "topic", a string, or "topics", a list of strings')
