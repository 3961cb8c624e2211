"""How many readers there are, over all processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import secrets
from typing import Any, Final

from litestar import Request, get
from litestar.di import NamedDependency

from ..errors import StreamerError
from ..eventlog.base import EventLog
from ..events.topic import project_of, project_topic
from ..every import every
from ..hub.hub import Hub
from .asker import OPEN, asker_of
from .documentation import ApiOperation
from .may import may_read, may_see

logger = logging.getLogger(__name__)

#: Seconds between two reports of a process; the log forgets one after 15.
REPORT_INTERVAL: Final = 5.0
#: Seconds from a change to its report: a wave of readers is one report.
REPORT_DELAY: Final = 0.2
#: Seconds that a stopping process tries to say so: unsaid, its report is soon forgotten.
WITHDRAW_TIMEOUT: Final = 0.5


class Census:
    """Reports this process's readers to the others, and adds theirs to ours."""

    def __init__(self, hub: Hub, log: EventLog) -> None:
        self._hub = hub
        self._log = log
        self._reported: dict[str, int] | None = None
        self._reported_at = -math.inf
        self._process: Final = f"{os.getpid()}-{secrets.token_hex(4)}"

    async def counts(self) -> dict[str, int]:
        """Readers by topic, over all processes; ours are of this moment."""
        counts = dict(self._hub.counts)
        for topic, number in (await self._log.connections(but=self._process)).items():
            counts[topic] = counts.get(topic, 0) + number
        return counts

    async def run(self) -> None:
        """Report, whenever the counts have changed and every few seconds; until cancelled."""
        await every(
            REPORT_DELAY, self._report, "reporting how many readers there are", logger=logger
        )

    async def _report(self) -> None:
        current, now = dict(self._hub.counts), asyncio.get_running_loop().time()
        if current != self._reported or now >= self._reported_at + REPORT_INTERVAL:
            with contextlib.suppress(StreamerError):  # reported elsewhere; counts catch up
                await self._log.report_connections(self._process, current)
                self._reported, self._reported_at = current, now

    async def withdraw(self) -> None:
        """Say that this process has no readers any more."""
        with contextlib.suppress(StreamerError, TimeoutError):
            async with asyncio.timeout(WITHDRAW_TIMEOUT):
                await self._log.report_connections(self._process, {})


@get(
    "/ws/projects/{project_id:str}/connections",
    operation_class=ApiOperation,
    summary="Readers of one project",
    tags=["connections"],
)
async def project_connections(
    request: Request[Any, Any, Any], census: NamedDependency[Census]
) -> dict[str, Any]:
    """How many readers a project has, over all transports and processes."""
    project_id = request.path_params["project_id"]
    await may_read(asker_of(request), (project_topic(project_id),), request.app.state.log)
    counts = await census.counts()
    return {
        "project_id": project_id,
        "active_connections": counts.get(project_topic(project_id), 0),
    }


@get(
    "/ws/connections",
    summary="Readers of all projects",
    tags=["connections"],
    operation_class=ApiOperation,
)
async def all_connections(
    request: Request[Any, Any, Any], census: NamedDependency[Census]
) -> dict[str, Any]:
    """How many readers each project has, over all transports and processes.

    Projects that whoever asks may not read are not there, and in no total.
    """
    asker = asker_of(request)
    counts = await census.counts()
    projects = {
        project: number
        for topic, number in sorted(counts.items())
        if (project := project_of(topic)) is not None and number and may_see(asker, topic)
    }
    return {
        "total_projects": len(projects),
        "total_connections": sum(projects.values()),
        "projects": projects,
    }


@get(
    "/ws/health",
    opt=OPEN,
    summary="Whether streams are served",
    tags=["connections"],
    operation_class=ApiOperation,
)
async def socket_health(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub]
) -> dict[str, Any]:
    """For clients that asked the WebSocket service for its health.

    Of a server that asks who one is, `active_connections` is not said to everybody.
    """
    health: dict[str, Any] = {
        "status": "draining" if hub.draining else "healthy",
        "service": "streamer",
    }
    if request.app.state.is_open:
        health["active_connections"] = sum(hub.counts.values())
    return health


CONNECTION_HANDLERS = (project_connections, all_connections, socket_health)
