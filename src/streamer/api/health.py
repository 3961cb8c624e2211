"""Whether the process is up, and whether it should be sent readers."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from ..errors import LogUnavailable
from ..eventlog.base import EventLog
from ..hub.hub import Hub
from .asker import OPEN
from .documentation import ApiOperation


@get(
    "/healthz",
    opt=OPEN,
    summary="The process is up",
    tags=["health"],
    operation_class=ApiOperation,
)
async def healthz() -> dict[str, str]:
    """Answer as long as the process can answer: for a liveness probe."""
    return {"status": "ok"}


@get(
    "/readyz",
    opt=OPEN,
    summary="The process can serve readers",
    tags=["health"],
    operation_class=ApiOperation,
)
async def readyz(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub]
) -> Response[dict[str, Any]]:
    """200 if new readers are welcome, else 503 and which of the checks failed.

    `warnings` is what an operator should look at meanwhile: a disk that is nearly full.
    """
    # Of two that are injected the framework makes two tasks, for which anyio imports all it has.
    log: EventLog = request.app.state.log
    checks = {
        "draining": "draining" if hub.draining else "ok",
        "notifications": "ok" if hub.healthy else "not heard lately",
        "event_log": await _reach(log),
    }
    ready = all(state == "ok" for state in checks.values())
    return Response(
        {
            "status": "ready" if ready else "not ready",
            "checks": checks,
            "warnings": [low] if (low := request.app.state.disk.low) else [],
        },
        status_code=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


async def _reach(log: EventLog) -> str:
    try:
        await log.head()
    except LogUnavailable as error:
        return error.detail
    return "ok"


HEALTH_HANDLERS = (healthz, readyz)
