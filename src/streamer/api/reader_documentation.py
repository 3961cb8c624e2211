"""What OpenAPI says of the URLs about how far somebody has read."""

from __future__ import annotations

from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ..eventlog.reader_cursors import MAX_SUBJECT
from .documentation import EVENT_ID, TOO_OFTEN, ApiOperation

_WHOSE = "Whose cursor it is, where nobody is asked who they are."
READER_SCHEMA = Schema(
    type=OpenAPIType.STRING, min_length=1, max_length=MAX_SUBJECT, description=_WHOSE
)


class ReaderOperation(ApiOperation):
    """A URL about somebody's cursor."""

    def __post_init__(self) -> None:
        """Add the parameter, which is read by hand."""
        super().__post_init__()
        reader = Parameter(
            name="reader",
            param_in="query",
            schema=READER_SCHEMA,
            description=_WHOSE,
            required=False,
        )
        self.parameters = [*(self.parameters or ()), reader]


class CursorOperation(ApiOperation):
    """A URL that moves a cursor."""

    required: ClassVar[tuple[str, ...]] = ("cursor",)

    def __post_init__(self) -> None:
        """Add the body, which is read by hand."""
        super().__post_init__()
        move = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "cursor": EVENT_ID,
                "reader": READER_SCHEMA,
            },
            required=[*self.required],
            additional_properties=False,
        )
        assert self.responses is not None  # noqa: S101 - just set
        self.responses["429"] = TOO_OFTEN
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=move)},
            required=bool(self.required),
        )


class NotificationsReadOperation(CursorOperation):
    """The same for all of one's notifications: up to now, if the body names no cursor."""

    required: ClassVar[tuple[str, ...]] = ()
