"""What OpenAPI says of these addresses: bodies that are passed on, and errors of their form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FLAG: Final = Schema(type=OpenAPIType.BOOLEAN)
_TEXTS: Final = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
_OBJECT: Final = Schema(type=OpenAPIType.OBJECT, additional_properties=True)
_STREAM: Final = OpenAPIMediaType(
    schema=Schema(type=OpenAPIType.OBJECT, properties={"event": _TEXT, "data": _TEXT, "id": _TEXT})
)
_ERROR: Final = OpenAPIResponse(
    description="What was wrong, in the form that clients of OpenAI's API read.",
    content={
        "application/json": OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={
                    "error": Schema(
                        type=OpenAPIType.OBJECT,
                        properties={"message": _TEXT},
                        required=["message"],
                        additional_properties=True,
                    )
                },
                required=["error"],
            )
        )
    },
)


@dataclass
class ProxyOperation(Operation):
    """Any of these addresses."""

    def __post_init__(self) -> None:
        """Say what is answered, in place of the framework's own form of errors."""
        self.responses = {
            "200": OpenAPIResponse(
                description="What the AI server said.",
                content={
                    "application/json": OpenAPIMediaType(schema=_OBJECT),
                    "text/event-stream": _STREAM,
                },
            ),
            "default": _ERROR,
        }


class CreateOperation(ProxyOperation):
    """One that takes a request for the AI server."""

    def __post_init__(self) -> None:
        """Add the body, of which few fields are looked at."""
        super().__post_init__()
        wanted = Schema(
            type=OpenAPIType.OBJECT,
            properties={"model": _TEXT, "stream": _FLAG, "store": _FLAG, "background": _FLAG},
            additional_properties=True,
            description="As OpenAI's reference has it; all fields reach the AI server but "
            "`stream` and `background`, which are ours.",
        )
        content = {"application/json": OpenAPIMediaType(schema=wanted)}
        self.request_body = RequestBody(content=content, required=True)


class ReadOperation(ProxyOperation):
    """One that reads a recording."""

    def __post_init__(self) -> None:
        """Add where to read on."""
        super().__post_init__()
        number = Schema(type=OpenAPIType.STRING, pattern="^[0-9]{1,12}$")
        last = Parameter(
            name="Last-Event-ID",
            param_in="header",
            schema=number,
            description="The number of the last frame that was seen.",
        )
        self.parameters = [*(self.parameters or []), last]


class ReadResponseOperation(ReadOperation):
    """One that reads a response, or its stream."""

    def __post_init__(self) -> None:
        """Add what it may be asked."""
        super().__post_init__()
        after = Schema(type=OpenAPIType.STRING, pattern="^[0-9]{1,12}$")
        self.parameters = [
            *(self.parameters or []),
            Parameter(
                name="stream",
                param_in="query",
                schema=_FLAG,
                description="Its frames, and not what it is now.",
            ),
            Parameter(
                name="starting_after",
                param_in="query",
                schema=after,
                description="The `sequence_number` of the last frame that was seen.",
            ),
            *(
                Parameter(
                    name=name,
                    param_in="query",
                    schema=schema,
                    description="Without effect: what is recorded is what was asked for at first.",
                )
                for name, schema in (
                    ("include", _TEXTS),
                    ("include[]", _TEXTS),
                    ("include_obfuscation", _FLAG),
                )
            ),
        ]
