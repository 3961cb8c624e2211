"""What OpenAPI says of these addresses: what is posted, and what is streamed."""

from __future__ import annotations

from typing import ClassVar, Final

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ...api.chat_documentation import AskOperation
from ...api.documentation import ApiOperation

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FRAME: Final = Schema(type=OpenAPIType.OBJECT, properties={"data": _TEXT, "id": _TEXT})
_STREAM: Final = OpenAPIResponse(
    description="The run, as AG-UI has it: each frame is an event. It ends with RUN_FINISHED or "
    "RUN_ERROR, or is cut.",
    content={"text/event-stream": OpenAPIMediaType(schema=_FRAME)},
)
_MESSAGE: Final = Schema(
    type=OpenAPIType.OBJECT, properties={"role": _TEXT}, additional_properties=True
)
_INPUT: Final = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "threadId": _TEXT,
        "runId": _TEXT,
        "messages": Schema(type=OpenAPIType.ARRAY, items=_MESSAGE),
    },
    required=["threadId", "runId", "messages"],
    additional_properties=True,
    description="RunAgentInput; the last message is said, if a user's.",
)


class JoinOperation(ApiOperation):
    """The run that goes on."""

    def __post_init__(self) -> None:
        """Add where to go on, and the stream."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["200"] = _STREAM
        self.parameters = [
            *(self.parameters or []),
            Parameter(
                name="runId",
                param_in="query",
                schema=_TEXT,
                description="What the run is called; else as its answer is.",
            ),
            Parameter(
                name="Last-Event-ID",
                param_in="header",
                schema=_TEXT,
                description="The `id` of the last frame that was seen.",
            ),
        ]


class RunOperation(AskOperation):
    """A run that is asked for."""

    body: ClassVar[Schema] = _INPUT
    stream: ClassVar[OpenAPIResponse] = _STREAM
