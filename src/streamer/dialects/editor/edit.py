"""``POST /api/edit/trim``: cut a part out of a video, whose progress is on its topic."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, post
from litestar.di import NamedDependency, Provide

from ...api.asker import asker_of, let_in_to_api
from ...api.jobs import provide_jobs
from ...api.may import may_publish
from ...api.quota_fields import headers_of
from ...api.too_often import HowOften
from ...errors import InvalidFields, StreamerError
from ...events.topic import project_topic
from ...jobs.submit import Jobs
from .answers import editor_problem
from .forms import video_topic


class TrimRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What the editor's page asks for; times in seconds from the video's beginning."""

    video_id: str
    input_path: str
    start_time: float
    end_time: float


@post(
    "/trim",
    status_code=200,
    dependencies={"jobs": Provide(provide_jobs, sync_to_thread=False)},
    summary="Trim a video for an editor",
    tags=["editor"],
)
async def trim(
    request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Queue a trim of `inputPath`, a video in the media directory.

    Its progress is on `videos/{videoId}`, and it is a job of the project `videoId`.
    """
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    try:
        asked = msgspec.json.decode(await request.body(), type=TrimRequest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        allowed = "videoId and inputPath (text), startTime and endTime (seconds)"
        raise InvalidFields(f"the body must be a JSON object with {allowed}: {error}") from error
    topic, project = video_topic(asked.video_id), project_topic(asked.video_id)
    may_publish(asker_of(request), (topic, project))
    body = {
        "kind": "trim",
        # A page knows it as the path of an address.
        "source": asked.input_path.removeprefix("/"),
        "start": asked.start_time,
        "end": asked.end_time,
    }
    accepted = await jobs.submit(asked.video_id, body, also=(topic,))
    answer = {
        "success": True,
        "message": f"Trimming {asked.start_time:g} s to {asked.end_time:g} s",
        "videoId": asked.video_id,
        "jobId": accepted["task_id"],
    }
    return Response(answer, status_code=200, headers=headers_of(quota))


EDIT_ROUTES: Final = (
    Router(
        "/api/edit",
        route_handlers=[trim],
        before_request=let_in_to_api,
        exception_handlers={StreamerError: editor_problem},
    ),
)
