"""How all processes do, for admins."""

from __future__ import annotations

import time
from typing import Any, Final

from litestar import Request, get

from ..eventlog.base import EventLog
from ..operating.reports import Sample, sample
from .admin_topics import admin
from .documentation import ApiOperation


@get(
    "/admin/report",
    tags=["operating"],
    operation_class=ApiOperation,
    summary="How all processes do now",
)
async def admin_report(request: Request[Any, Any, Any]) -> Sample:
    """Rates, readers by transport and state, jobs by state, the slowest readers. For admins."""
    admin(request)
    log: EventLog = request.app.state.log
    return await sample(log, time.time_ns() // 1_000_000)


ADMIN_REPORT_HANDLERS: Final = (admin_report,)
