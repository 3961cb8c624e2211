"""``POST /api/upload`` and ``POST /api/edit/trim``: the editor sends a video, and cuts it."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency, Provide

from ...api.asker import asker_of, let_in_to_api
from ...api.documentation import SubmitOperation
from ...api.jobs import provide_jobs
from ...api.long_body import long_body
from ...api.may import may_publish
from ...api.quota_fields import headers_of
from ...api.routes import RoutesOfEach
from ...api.too_often import HowOften
from ...errors import Forbidden, InvalidFields, InvalidSource, StreamerError
from ...events.topic import project_topic
from ...jobs.submit import Jobs
from ...uploads.settling import source_of
from ...uploads.uploads import Uploads
from .answers import editor_problem, upload_problem
from .forms import video_topic
from .multipart_file import FormFile


class TrimRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What the editor's page asks for; times in seconds from the video's beginning."""

    video_id: str
    input_path: str
    start_time: float
    end_time: float


@post(
    "/edit/trim",
    status_code=200,
    dependencies={"jobs": Provide(provide_jobs, sync_to_thread=False)},
    summary="Trim a video for an editor",
    tags=["editor"],
    operation_class=SubmitOperation,
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
    body = {"kind": "trim", "start": asked.start_time, "end": asked.end_time}
    try:
        # A page knows it as the path of an address.
        given = {**body, "source": asked.input_path.removeprefix("/")}
        accepted = await jobs.submit(asked.video_id, given, also=(topic,))
    except InvalidSource as error:
        # A page names what it has sent as the server that it was written for did.
        sent = {**body, "source": source_of(asked.video_id)}
        try:
            accepted = await jobs.submit(asked.video_id, sent, also=(topic,))
        except InvalidSource:
            raise error from None
    answer = {
        "success": True,
        "message": f"Trimming {asked.start_time:g} s to {asked.end_time:g} s",
        "videoId": asked.video_id,
        "jobId": accepted["task_id"],
    }
    return Response(answer, status_code=200, headers=headers_of(quota))


@post(
    "/upload",
    status_code=200,
    request_max_body_size=None,  # it is counted as it comes
    exception_handlers={StreamerError: upload_problem},
    summary="Send a video for an editor",
    tags=["editor"],
    operation_class=SubmitOperation,
)
async def upload(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Take the file `video` of a multipart form; the answer's `videoId` is its name from now on.

    It is an upload like every other, of the project `videoId`.
    """
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    video_id = uuid4().hex
    asker = asker_of(request)
    try:
        may_publish(asker, (video_topic(video_id), project_topic(video_id)))
    except Forbidden as error:  # which names what nobody has heard of
        raise Forbidden("you may not publish to videos/* and projects/*") from error
    file = FormFile(request.headers.get("content-type", ""), long_body(request), "video")
    uploads: Uploads = request.app.state.uploads
    stored, record = await uploads.create(
        await file.name(),
        video_id,
        None,
        owner=asker.subject,
        party=asker.party,
        upload_id=video_id,
    )
    await uploads.receive_whole(stored, record, file.chunks())
    answer = {"success": True, "videoId": video_id, "inputPath": source_of(video_id)}
    return Response(answer, status_code=200, headers=headers_of(quota))


EDIT_ROUTES: Final = (
    RoutesOfEach(
        "/api",
        route_handlers=[trim, upload],
        before_request=let_in_to_api,
        exception_handlers={StreamerError: editor_problem},
    ),
)
