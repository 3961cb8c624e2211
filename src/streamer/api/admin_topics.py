"""Topics as admins see them: listed, inspected, deleted, and how much of each is kept."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, delete, get, put
from litestar.params import Parameter

from ..access.audit import audit
from ..errors import Forbidden, InvalidJSON, InvalidParameter
from ..eventlog.base import EventLog
from ..events.topic import check_topic
from ..operating import retaining
from ..operating import topic as one_topic
from ..operating.answers import DeletedTopic, InspectedTopic, Retained, RuleList, TopicList
from ..operating.topics import MAX_LISTED, ORDERS, Named, list_topics, place_of
from .admin_documentation import DeleteTopicOperation, RetentionOperation, TopicsOperation
from .asker import Asker, asker_of
from .documentation import ApiOperation
from .query import FORCE, TOPICS


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    length: int | None = None
    age: float | None = None


@get(
    "/admin/topics",
    opt=TOPICS,
    tags=["operating"],
    operation_class=TopicsOperation,
    summary="List topics, with what is kept of each",
)
async def admin_topics(
    request: Request[Any, Any, Any],
    limit: Annotated[int, Parameter(ge=1, le=MAX_LISTED)] = 100,
) -> TopicList:
    """List topics of which anything is kept: the newest first, or the largest. For admins.

    A list by size is of the 10,000 that were published to last; `whole` says whether those
    are all, and all of them are listed.
    """
    admin(request)
    query = request.query_params
    order = next((order for order in ORDERS if order == query.get("sort", "newest")), None)
    if order is None:
        raise InvalidParameter(f"sort is {query['sort'][:40]!r}; it must be {' or '.join(ORDERS)}")
    before = query.get("before")
    if before is not None and order == "size":
        raise InvalidParameter("before goes on with a list by sort=newest; one by size is whole")
    place = None if before is None else place_of(before)
    return await list_topics(_log(request), Named(query.get("pattern")), order, limit, place)


@get(
    "/admin/topics/{topic:path}",
    tags=["operating"],
    operation_class=ApiOperation,
    summary="All that is known of one topic",
)
async def admin_topic(request: Request[Any, Any, Any]) -> InspectedTopic:
    """What is kept and by which rule, the state, the readers, the newest events. For admins."""
    admin(request)
    return await one_topic.inspect(_log(request), _named(request, "topic"))


@delete(
    "/admin/topics/{topic:path}",
    opt=FORCE,
    status_code=200,
    tags=["operating"],
    operation_class=DeleteTopicOperation,
    summary="Delete a topic",
)
async def delete_topic(request: Request[Any, Any, Any]) -> DeletedTopic:
    """Remove all that is kept of a topic; its readers receive a `gap`, `deleted`. For admins.

    A topic of a job that is not over is refused without `force=true`.
    """
    asker = admin(request)
    topic = _named(request, "topic")
    force = request.query_params.get("force", "false")
    if force not in {"true", "false"}:
        raise InvalidParameter(f"force is {force[:40]!r}; it must be true or false")
    answer = await one_topic.delete(_log(request), topic, force=force == "true")
    audit("deleted", topic=topic, by=asker.subject, client=asker.client)
    return answer


@get(
    "/admin/retention",
    tags=["operating"],
    operation_class=ApiOperation,
    summary="How much is kept of topics",
)
async def admin_retention(request: Request[Any, Any, Any]) -> RuleList:
    """The rules, by prefix, and who has said each: `hand`, or the `settings` of servers."""
    admin(request)
    return await retaining.rules_of(_log(request))


@put(
    "/admin/retention/{prefix:path}",
    tags=["operating"],
    operation_class=RetentionOperation,
    summary="Set how much is kept of the topics of a prefix",
)
async def set_retention(request: Request[Any, Any, Any]) -> Retained:
    """Set it for every process at once; what is too much is removed now. For admins."""
    asker = admin(request)
    prefix = _named(request, "prefix")
    try:
        wanted = msgspec.json.decode(await request.body(), type=_Kept)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        problem = f'the body must be as in {{"length": 500, "age": 86400}}: {error}'
        raise InvalidJSON(problem) from error
    answer = await retaining.retain(_log(request), prefix, wanted.length, wanted.age)
    audit("retained", prefix=prefix, by=asker.subject, client=asker.client)
    return answer


@delete(
    "/admin/retention/{prefix:path}",
    status_code=200,
    tags=["operating"],
    operation_class=ApiOperation,
    summary="Keep again of the topics of a prefix what the settings say",
)
async def remove_retention(request: Request[Any, Any, Any]) -> Retained:
    """Take back what was set by hand for a prefix. For admins."""
    asker = admin(request)
    prefix = _named(request, "prefix")
    answer = await retaining.release(_log(request), prefix)
    audit("retained", prefix=prefix, by=asker.subject, client=asker.client)
    return answer


ADMIN_TOPIC_HANDLERS: Final = (
    admin_topics,
    admin_topic,
    delete_topic,
    admin_retention,
    set_retention,
    remove_retention,
)


def admin(request: Request[Any, Any, Any]) -> Asker:
    """Who asks, if an admin; or anybody, where nobody is asked who they are.

    Raises:
        Forbidden: it is somebody else.
    """
    asker = asker_of(request)
    if asker.credential is not None and not asker.grants.is_admin:
        raise Forbidden("only an admin may do this")
    return asker


def _named(request: Request[Any, Any, Any], what: str) -> str:
    return check_topic(str(request.path_params[what]).removeprefix("/"))


def _log(request: Request[Any, Any, Any]) -> EventLog:
    log: EventLog = request.app.state.log
    return log
