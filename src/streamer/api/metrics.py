"""The numbers of this host, for Prometheus."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from ..errors import Forbidden
from ..prometheus.page import page
from .asker import asker_of
from .documentation import ApiOperation


@get(
    "/metrics",
    operation_class=ApiOperation,
    summary="Numbers for Prometheus",
    tags=["health"],
    media_type="text/plain",
)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What all processes of this host have counted, in OpenMetrics or Prometheus's text format.

    For admins, where anybody is asked who they are.
    """
    if not asker_of(request).grants.is_admin:
        raise Forbidden("only an admin may read the numbers of this server")
    numbers = await request.app.state.reporting.read()
    shown = page(numbers, request.headers.get("accept", ""))
    # As a header: to a media type that is text Litestar adds a charset, and this has one.
    return Response(
        shown.body, headers={"Content-Type": shown.content_type, "Cache-Control": "no-store"}
    )


METRICS_HANDLERS = (metrics,)
