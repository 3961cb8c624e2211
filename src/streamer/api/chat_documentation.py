"""What OpenAPI says of the URLs about conversations."""

from __future__ import annotations

from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ..chats.said import (
    MAX_ATTACHMENTS,
    MAX_MESSAGE,
    MAX_NAME,
    MAX_REACTION,
    MAX_URL,
)
from ..eventlog.reader_cursors import MAX_SUBJECT
from .documentation import (
    EVENT_ID,
    IDEMPOTENCY_KEY,
    PUBLISHED,
    TOO_OFTEN,
    ApiOperation,
    StreamOperation,
)


def _text(most: int, least: int = 0, description: str | None = None) -> Schema:
    return Schema(
        type=OpenAPIType.STRING, min_length=least, max_length=most, description=description
    )


#: Who it is, where nobody is asked who they are.
WHO = [
    Parameter(
        name=name, param_in="query", schema=_text(MAX_SUBJECT, 1), description=says, required=False
    )
    for name, says in (
        ("username", "What you are called, where nobody is asked who they are."),
        ("user_id", "Who you are, where nobody is asked; else it is what you are called."),
    )
]

_ATTACHMENT = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "url": _text(MAX_URL, 1, "As https://…, http://…, or a path on this server."),
        "name": _text(MAX_NAME, 1),
        "content_type": _text(MAX_NAME),
        "size": Schema(type=OpenAPIType.INTEGER, minimum=0, description="Bytes."),
    },
    required=["url", "name"],
    additional_properties=False,
)


class SayOperation(ApiOperation):
    """A URL where something is said."""

    properties: ClassVar[dict[str, Schema]] = {}
    required: ClassVar[tuple[str, ...]] = ()
    keyed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Add the parameters and the body, which are read by hand, and the answer."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        if self.keyed:
            self.responses["201"] = PUBLISHED
        else:
            self.responses["204"] = OpenAPIResponse(description="Those who read have been told.")
        self.responses["429"] = TOO_OFTEN
        keys = [IDEMPOTENCY_KEY] if self.keyed else []
        self.parameters = [*(self.parameters or ()), *WHO, *keys]
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={**self.properties},
            required=[*self.required],
            additional_properties=False,
        )
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=schema)}, required=True
        )


class MessageOperation(SayOperation):
    """A URL that takes a message."""

    properties: ClassVar[dict[str, Schema]] = {
        "message": _text(MAX_MESSAGE, 0, "It may be left out where there are attachments."),
        "attachments": Schema(type=OpenAPIType.ARRAY, items=_ATTACHMENT, max_items=MAX_ATTACHMENTS),
        "reply_to": EVENT_ID,
    }


class ReactionOperation(SayOperation):
    """A URL that takes a reaction."""

    properties: ClassVar[dict[str, Schema]] = {
        "message_id": EVENT_ID,
        "reaction": _text(MAX_REACTION, 1),
        "added": Schema(type=OpenAPIType.BOOLEAN, default=True),
    }
    required: ClassVar[tuple[str, ...]] = ("message_id", "reaction")


class TypingOperation(SayOperation):
    """A URL that takes whether somebody is typing."""

    properties: ClassVar[dict[str, Schema]] = {
        "is_typing": Schema(type=OpenAPIType.BOOLEAN, default=True)
    }
    keyed: ClassVar[bool] = False


class ChatStreamOperation(StreamOperation):
    """The stream of a conversation."""

    def __post_init__(self) -> None:
        """Add who reads it."""
        super().__post_init__()
        self.parameters = [*(self.parameters or ()), *WHO]


class AskOperation(ApiOperation):
    """A URL of another protocol where something is said, and its answer streamed."""

    body: ClassVar[Schema]
    stream: ClassVar[OpenAPIResponse]

    def __post_init__(self) -> None:
        """Add the parameters and the body, which are read by hand, and the stream."""
        super().__post_init__()
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["200"] = self.stream
        self.responses["429"] = TOO_OFTEN
        self.parameters = [*(self.parameters or ()), *WHO, IDEMPOTENCY_KEY]
        content = {"application/json": OpenAPIMediaType(schema=self.body)}
        self.request_body = RequestBody(content=content, required=True)
