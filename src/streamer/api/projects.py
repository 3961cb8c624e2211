"""Which projects there are, for a page that watches all of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from ..eventlog.base import EventLog
from ..events.topic import PROJECTS
from .asker import asker_of
from .documentation import ApiOperation
from .may import may_see
from .query import LIST

#: Projects in one list, at most: as many topics as one connection may have.
_MAX_LISTED: Final = 100
#: Projects that are looked at for one who may see only some.
_LOOKED_AT: Final = 10_000


@get(
    "/projects",
    tags=["jobs"],
    summary="List the latest projects",
    opt=LIST,
    operation_class=ApiOperation,
)
async def list_projects(
    request: Request[Any, Any, Any],
    log: NamedDependency[EventLog],
    limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 20,
) -> dict[str, Any]:
    """List the projects that something was last published to, the latest first.

    Those that whoever asks may not read are not there.
    """
    asker = asker_of(request)
    topics = [
        topic
        for topic in await log.topics(PROJECTS, _LOOKED_AT)
        if topic.count("/") == 1 and may_see(asker, topic)
    ]
    return {"projects": [{"project_id": t.removeprefix(PROJECTS)} for t in topics[:limit]]}


PROJECT_HANDLERS: Final = (list_projects,)
