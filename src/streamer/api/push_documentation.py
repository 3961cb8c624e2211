"""What OpenAPI says of the URLs about push subscriptions."""

from __future__ import annotations

from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ..push.services import MAX_ENDPOINT
from .documentation import TOO_OFTEN, ApiOperation
from .reader_documentation import READER_SCHEMA

_TEXT = Schema(type=OpenAPIType.STRING, min_length=1)


class UnsubscribeOperation(ApiOperation):
    """A URL that takes an endpoint."""

    more: ClassVar[dict[str, Schema]] = {}
    required: ClassVar[tuple[str, ...]] = ("endpoint",)

    def __post_init__(self) -> None:
        """Add the body, which is read by hand."""
        super().__post_init__()
        endpoint = Schema(type=OpenAPIType.STRING, max_length=MAX_ENDPOINT, description="A URL.")
        body = Schema(
            type=OpenAPIType.OBJECT,
            properties={"endpoint": endpoint, "reader": READER_SCHEMA, **self.more},
            required=[*self.required],
        )
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["429"] = TOO_OFTEN
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=body)}, required=True
        )


class SubscribeOperation(UnsubscribeOperation):
    """A URL that takes a whole subscription (Push API, `PushSubscription.toJSON`)."""

    more: ClassVar[dict[str, Schema]] = {
        "keys": Schema(
            type=OpenAPIType.OBJECT,
            properties={"p256dh": _TEXT, "auth": _TEXT},
            required=["p256dh", "auth"],
            description="In base64url.",
        ),
        "expirationTime": Schema(
            type=[OpenAPIType.NUMBER, OpenAPIType.NULL],
            description="Milliseconds since 1970, if it ends.",
        ),
    }
    required: ClassVar[tuple[str, ...]] = ("endpoint", "keys")
