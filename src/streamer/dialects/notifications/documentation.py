"""What OpenAPI says of the two streams: their topics are given."""

from __future__ import annotations

from litestar.openapi.spec import Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

from ...api.documentation import StreamOperation

_USER: Parameter = Parameter(
    name="user_id",
    param_in="query",
    schema=Schema(type=OpenAPIType.STRING),
    description="Who it is, where nobody is asked who they are.",
    required=False,
)


class AdminStreamOperation(StreamOperation):
    """A stream of given topics."""

    def __post_init__(self) -> None:
        """Take the topics away."""
        super().__post_init__()
        known = [p for p in self.parameters or [] if isinstance(p, Parameter)]
        self.parameters = [parameter for parameter in known if parameter.name != "topic"]


class UserStreamOperation(AdminStreamOperation):
    """The stream of one user."""

    def __post_init__(self) -> None:
        """Add who it is."""
        super().__post_init__()
        self.parameters = [*(self.parameters or []), _USER]
