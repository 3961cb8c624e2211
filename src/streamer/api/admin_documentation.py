"""What OpenAPI says of the addresses of admins: parameters and bodies that are read by hand."""

from __future__ import annotations

from litestar.openapi.spec import OpenAPIMediaType, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ..config.retention import MAX_RETENTION_AGE, MAX_RETENTION_LENGTH
from ..operating.topics import ORDERS
from .documentation import ApiOperation

_TEXT = Schema(type=OpenAPIType.STRING)


def _query(name: str, schema: Schema, description: str) -> Parameter:
    return Parameter(
        name=name, param_in="query", schema=schema, description=description, required=False
    )


class TopicsOperation(ApiOperation):
    """The list of topics."""

    def __post_init__(self) -> None:
        """Add the parameters that are read by hand."""
        super().__post_init__()
        orders = Schema(type=OpenAPIType.STRING, enum=list(ORDERS), default="newest")
        self.parameters = [
            *(self.parameters or []),
            _query("pattern", _TEXT, "A topic with all below it, or a pattern: projects/*."),
            _query("sort", orders, "The newest first, or the largest."),
            _query("before", _TEXT, "What `next` of the list before says, as it is."),
        ]


class DeleteTopicOperation(ApiOperation):
    """The deletion of a topic."""

    def __post_init__(self) -> None:
        """Add the parameter that is read by hand."""
        super().__post_init__()
        force = Schema(type=OpenAPIType.BOOLEAN, default=False)
        said = _query("force", force, "Also while a job that is reported there is not over.")
        self.parameters = [*(self.parameters or []), said]


class RetentionOperation(ApiOperation):
    """What is kept of the topics of a prefix is set."""

    def __post_init__(self) -> None:
        """Add the body, which is read by hand."""
        super().__post_init__()
        wanted = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "length": Schema(
                    type=OpenAPIType.INTEGER,
                    minimum=1,
                    maximum=MAX_RETENTION_LENGTH,
                    description="Newest events kept.",
                ),
                "age": Schema(
                    type=OpenAPIType.NUMBER,
                    minimum=1,
                    maximum=MAX_RETENTION_AGE,
                    description="Seconds that a topic at rest is kept after its last event.",
                ),
            },
            additional_properties=False,
            min_properties=1,
            description="One or both; what is left out stays as it is.",
        )
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=wanted)}, required=True
        )
