"""What OpenAPI says of every URL: its problems, and parameters that are read by hand."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from ..access.claims import MAX_NAME
from ..access.patterns import MAX_PATTERNS
from ..events.new_event import MAX_KEY_LENGTH
from ..events.trace import PARENT, STATE
from ..hub.throttled import MAX_RATE, MIN_RATE
from ..publishing.publisher import MAX_BATCH
from .batch_body import MAX_BYTES, NDJSON
from .event_schemas import EVENT, GAP, STREAM_BODY
from .job_schemas import JOB_REQUEST

#: An id as a parameter or a field has it.
EVENT_ID = Schema(type=OpenAPIType.STRING, pattern=r"^[0-9]{1,15}-[0-9]{1,20}$")


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

_RATE = _query(
    "rate",
    Schema(type=OpenAPIType.NUMBER, minimum=MIN_RATE, maximum=MAX_RATE),
    "Batches of events a second, at most: of a job's progress the newest, of an answer's pieces "
    "their sum, everything else as it is.",
)
_STREAM = [
    Parameter(
        name="Last-Event-ID",
        param_in="header",
        schema=EVENT_ID,
        description="Resume after this event; wins over the query forms.",
        required=False,
    ),
    _query("last_event_id", EVENT_ID, "Resume after this event."),
    _query("lastEventId", EVENT_ID, "Resume after this event (the name polyfills use)."),
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
    _RATE,
]

_POLL = [
    _query("after", EVENT_ID, "Return what came after this event; from the first kept if absent."),
    _query(
        "limit",
        Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=1000, default=100),
        "Events in one answer, at most. It has about 1 MiB at most, less on a busy server: "
        "there may be more after `cursor`, however few came.",
    ),
    _query(
        "wait",
        Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=60, default=0),
        "Seconds to wait for an event if there is none yet.",
    ),
    _RATE,
]


_TEXT = Schema(type=OpenAPIType.STRING)

_PROBLEM = OpenAPIResponse(
    description="A problem (RFC 9457): what was wrong and what is allowed; see `code`.",
    content={
        "application/problem+json": OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={
                    "type": _TEXT,
                    "title": _TEXT,
                    "status": Schema(type=OpenAPIType.INTEGER),
                    "detail": _TEXT,
                    "code": _TEXT,
                    "retry": Schema(type=OpenAPIType.BOOLEAN),
                    "line": Schema(
                        type=OpenAPIType.INTEGER,
                        description="Of a body of several lines: the one that is wrong, from 1.",
                    ),
                    "request_id": _TEXT,
                },
                required=["type", "title", "status", "detail", "code"],
            )
        )
    },
)

#: The header by which something is published once.
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_KEY_LENGTH),
    description="A repeat with the same key within a day returns the first event's id.",
    required=False,
)
#: The headers that say which trace a request is a part of; malformed ones are ignored.
_TRACE = [
    Parameter(
        name=name,
        param_in="header",
        schema=Schema(type=OpenAPIType.STRING),
        description=f"{what} (W3C Trace Context): its events and jobs have it.",
        required=False,
    )
    for name, what in ((PARENT, "The trace of the request"), (STATE, "What vendors say of it"))
]
#: The header by which a job is asked for once.
_JOB_KEY = Parameter(
    name="Idempotency-Key",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_KEY_LENGTH),
    description="A repeat with the same key within a day is the same job, and queues nothing.",
    required=False,
)
_PUBLISH = [
    IDEMPOTENCY_KEY,
    *_TRACE,
    _query(
        "ephemeral",
        Schema(type=OpenAPIType.BOOLEAN, default=False),
        "Notify those who are live now; store nothing, give no id.",
    ),
]

#: draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.
_QUOTA: dict[str, OpenAPIHeader | Reference] = {
    "RateLimit-Policy": OpenAPIHeader(
        schema=_TEXT,
        description="The quota that this counts for: `q` at once, all restored in `w` seconds. "
        'As in `"publish-by-subject";q=2000;w=10`.',
    ),
    "RateLimit": OpenAPIHeader(
        schema=_TEXT,
        description="What is left of it, `r`, and the seconds over which to spread that, `t`. "
        'As in `"publish-by-subject";r=1999;t=10`.',
    ),
}

#: The answer 429.
TOO_OFTEN = OpenAPIResponse(
    description="Too often: wait for `Retry-After` and repeat the request.",
    content=_PROBLEM.content,
    headers={
        **_QUOTA,
        "Retry-After": OpenAPIHeader(
            schema=Schema(type=OpenAPIType.INTEGER, minimum=1), description="Seconds."
        ),
    },
)

_PUBLISHED_ID = Schema(
    type=[OpenAPIType.STRING, OpenAPIType.NULL],
    pattern=EVENT_ID.pattern,
    description="The event's id; null for an ephemeral event.",
)

#: The answer 201: to one event, and to several.
PUBLISHED = OpenAPIResponse(
    description="Published.",
    headers=_QUOTA,
    content={
        "application/json": OpenAPIMediaType(
            schema=Schema(
                one_of=[
                    Schema(
                        type=OpenAPIType.OBJECT,
                        properties={"id": _PUBLISHED_ID},
                        required=["id"],
                    ),
                    Schema(
                        type=OpenAPIType.OBJECT,
                        properties={
                            "ids": Schema(
                                type=OpenAPIType.ARRAY,
                                items=_PUBLISHED_ID,
                                description="Of the events of a batch, in order.",
                            )
                        },
                        required=["ids"],
                    ),
                ]
            )
        )
    },
)

_PAGE = OpenAPIResponse(
    description="A page of events; poll on from `cursor`.",
    content={
        "application/json": OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={
                    "events": Schema(type=OpenAPIType.ARRAY, items=Reference(ref=EVENT)),
                    "cursor": EVENT_ID,
                    "gap": Schema(
                        any_of=[Reference(ref=GAP), Schema(type=OpenAPIType.NULL)],
                        description="What was lost before these events, if anything was.",
                    ),
                },
                required=["events", "cursor", "gap"],
            )
        )
    },
)


@dataclass
class ApiOperation(Operation):
    """Any URL: whatever goes wrong is returned as a problem.

    Operations that are more have no fields of their own, and are no dataclasses: making the same
    methods again for thirty of them took as long as a fiftieth of a start.
    """

    def __post_init__(self) -> None:
        """Say so, in place of the framework's own form of errors."""
        self.responses = dict(self.responses or {})
        self.responses.pop("400", None)
        self.responses["default"] = _PROBLEM


class SubmitOperation(ApiOperation):
    """A URL that takes a job."""

    def __post_init__(self) -> None:
        """Add the quota that it counts for."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        for response in self.responses.values():
            if isinstance(response, OpenAPIResponse) and response is not _PROBLEM:
                response.headers = {**(response.headers or {}), **_QUOTA}
        self.responses["429"] = TOO_OFTEN


class AskForJobOperation(SubmitOperation):
    """The URL that takes a job of any kind."""

    def __post_init__(self) -> None:
        """Add the body, which is read by hand."""
        super().__post_init__()
        self.parameters = [*(self.parameters or ()), _JOB_KEY, *_TRACE]
        content = {"application/json": OpenAPIMediaType(schema=Reference(ref=JOB_REQUEST))}
        self.request_body = RequestBody(content=content, required=True)


class RevokeOperation(ApiOperation):
    """A URL that takes back a token, or a subject's."""

    def __post_init__(self) -> None:
        """Add the body, which is read by hand."""
        super().__post_init__()
        name = Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_NAME)
        named = [
            Schema(type=OpenAPIType.OBJECT, properties={kind: name}, required=[kind])
            for kind in ("jti", "sub")
        ]
        content = {"application/json": OpenAPIMediaType(schema=Schema(one_of=named))}
        self.request_body = RequestBody(content=content, required=True)


class TokenOperation(ApiOperation):
    """A URL that makes a token."""

    def __post_init__(self) -> None:
        """Add the body, which is read by hand, and the answer."""
        super().__post_init__()
        topics = Schema(type=OpenAPIType.ARRAY, items=_TEXT, max_items=MAX_PATTERNS)
        wanted = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "subscribe": topics,
                "publish": topics,
                "ttl": Schema(
                    type=OpenAPIType.NUMBER,
                    minimum=1,
                    description="Seconds; it ends with the credential at the latest, and after "
                    "STREAMER_TOKEN_TTL.",
                ),
            },
            additional_properties=False,
            description="Topics and patterns, one at least.",
        )
        made = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "token": _TEXT,
                "expires_at": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME),
                "subscribe": topics,
                "publish": topics,
            },
            required=["token", "expires_at", "subscribe", "publish"],
        )
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["201"] = OpenAPIResponse(
            description="The token.",
            headers=_QUOTA,
            content={"application/json": OpenAPIMediaType(schema=made)},
        )
        self.responses["429"] = TOO_OFTEN
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=wanted)}, required=True
        )


class StreamOperation(ApiOperation):
    """A stream URL."""

    def __post_init__(self) -> None:
        """Add the stream parameters and the event-stream response."""
        super().__post_init__()
        path = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        topics = [] if path else [_TOPICS]
        self.parameters = [*path, *topics, *_STREAM]
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["200"] = OpenAPIResponse(
            description="The stream; the same URL with Upgrade: websocket is a WebSocket. Never "
            "503: if it cannot be served now, one `reconnect` says when to come back and why.",
            content={"text/event-stream": OpenAPIMediaType(schema=Reference(ref=STREAM_BODY))},
        )
        self.responses["204"] = OpenAPIResponse(
            description="The job is over and all of it was seen: do not reconnect."
        )


class PollOperation(ApiOperation):
    """A poll URL."""

    def __post_init__(self) -> None:
        """Add the poll parameters, and what a page is."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["200"] = _PAGE
        path = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        topics = [] if path else [_TOPICS]
        self.parameters = [*path, *topics, *_POLL]


class PublishOperation(ApiOperation):
    """A URL that takes an event, or several."""

    def __post_init__(self) -> None:
        """Add the parameters, the body, and the answer."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["201"] = PUBLISHED
        self.responses["429"] = TOO_OFTEN
        path = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        self.parameters = [*path, *_PUBLISH]
        properties = {"type": Schema(type=OpenAPIType.STRING, pattern=r"^[a-z][a-z0-9_.-]{0,63}$")}
        if not path:
            properties["topic"] = _TEXT
            properties["topics"] = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties=properties,  # type: ignore[arg-type]
            required=["type"],
            additional_properties=True,
            description="One flat object: the type, and the event's own fields.",
        )
        lines = Schema(
            type=OpenAPIType.STRING,
            description=f"One such object in each line: {MAX_BATCH} at most, of "
            f"{MAX_BYTES} bytes together. All of them are published, or none.",
        )
        self.request_body = RequestBody(
            content={
                "application/json": OpenAPIMediaType(schema=schema),
                NDJSON: OpenAPIMediaType(schema=lines),
            },
            required=True,
        )
