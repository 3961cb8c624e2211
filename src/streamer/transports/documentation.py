"""What OpenAPI says of URLs whose parameters are read by hand."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

_EVENT_ID = Schema(type=OpenAPIType.STRING, pattern=r"^[0-9]{1,15}-[0-9]{1,20}$")


def _query(name: str, schema: Schema, description: str, *, required: bool = False) -> Parameter:
    return Parameter(
        name=name, param_in="query", schema=schema, description=description, required=required
    )


_TOPICS = _query(
    "topic",
    Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING), min_items=1),
    "A topic to read; repeat it for several.",
    required=True,
)

_STREAM = [
    Parameter(
        name="Last-Event-ID",
        param_in="header",
        schema=_EVENT_ID,
        description="Resume after this event; wins over the query forms.",
        required=False,
    ),
    _query("last_event_id", _EVENT_ID, "Resume after this event."),
    _query("lastEventId", _EVENT_ID, "Resume after this event (the name polyfills use)."),
    _query(
        "from",
        Schema(type=OpenAPIType.STRING),
        "Where a first visit starts: latest (the default), earliest, or an event id.",
    ),
    _query(
        "until",
        Schema(type=OpenAPIType.STRING, enum=["end"]),
        "Close after the first terminal event.",
    ),
    _query(
        "heartbeat",
        Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=300),
        "Seconds between heartbeats.",
    ),
    _query(
        "events",
        Schema(type=OpenAPIType.STRING, enum=["message"]),
        "Leave the event names out, so that one onmessage sees everything.",
    ),
]

_POLL = [
    _query("after", _EVENT_ID, "Return what came after this event; from the first kept if absent."),
    _query(
        "limit",
        Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=1000, default=100),
        "Events in one answer, at most.",
    ),
    _query(
        "wait",
        Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=60, default=0),
        "Seconds to wait for an event if there is none yet.",
    ),
]


@dataclass
class StreamOperation(Operation):
    """A stream URL."""

    def __post_init__(self) -> None:
        """Add the stream parameters and the event-stream response."""
        path = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        topics = [] if path else [_TOPICS]
        self.parameters = [*path, *topics, *_STREAM]
        self.responses = dict(self.responses or {})
        self.responses["200"] = OpenAPIResponse(
            description="The stream; the same URL with Upgrade: websocket is a WebSocket.",
            content={"text/event-stream": OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))},
        )
        self.responses["204"] = OpenAPIResponse(
            description="The job is over and all of it was seen: do not reconnect."
        )


@dataclass
class PollOperation(Operation):
    """A poll URL."""

    def __post_init__(self) -> None:
        """Add the poll parameters."""
        path = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        topics = [] if path else [_TOPICS]
        self.parameters = [*path, *topics, *_POLL]
