"""What OpenAPI says of the addresses: what is posted, and what is streamed."""

from __future__ import annotations

from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ...api.chat_documentation import AskOperation
from ...api.documentation import ApiOperation

_TEXT = Schema(type=OpenAPIType.STRING)
_STREAM = OpenAPIResponse(
    description="The answer as the AI SDK's UI message stream. It ends with `[DONE]`, after "
    "`finish`, `abort` or `error`; a connection that ends without it was cut.",
    content={"text/event-stream": OpenAPIMediaType(schema=_TEXT)},
)
_MESSAGE = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "id": _TEXT,
        "role": _TEXT,
        "parts": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)),
    },
    required=["role"],
    description="As the AI SDK has it: a `UIMessage`.",
)
_BODY = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "id": _TEXT,
        "messages": Schema(
            type=OpenAPIType.ARRAY,
            items=_MESSAGE,
            description="Of these the last is said; the others are in the conversation.",
        ),
        "trigger": Schema(
            type=OpenAPIType.STRING,
            enum=["submit-message", "regenerate-message"],
            default="submit-message",
        ),
        "messageId": Schema(
            type=OpenAPIType.STRING, description="The answer that is said anew; else the last."
        ),
    },
    required=["messages"],
)


class AnswerOperation(AskOperation):
    """A message is posted, and its answer streamed."""

    body: ClassVar[Schema] = _BODY
    stream: ClassVar[OpenAPIResponse] = _STREAM


class ResumeOperation(ApiOperation):
    """An answer is streamed from its beginning."""

    def __post_init__(self) -> None:
        """Add the stream."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["200"] = _STREAM
        self.responses["204"] = OpenAPIResponse(description="Nothing is being said.")


class StopOperation(ApiOperation):
    """An answer is stopped."""

    def __post_init__(self) -> None:
        """Add what is answered."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        state = Schema(
            type=OpenAPIType.OBJECT,
            properties={"answer": _TEXT, "status": _TEXT},
            required=["answer", "status"],
        )
        shown = {"application/json": OpenAPIMediaType(schema=state)}
        self.responses["200"] = OpenAPIResponse(description="It is over.", content=shown)
        self.responses["202"] = OpenAPIResponse(description="It is being stopped.", content=shown)
        self.responses["204"] = OpenAPIResponse(description="Nothing is being said.")
