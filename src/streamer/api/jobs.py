"""The HTTP face of jobs."""

from typing import Annotated, Any, Final

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import SerializationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, Parameter

from ..config.server_url import API
from ..config.settings import Settings
from ..errors import InvalidJSON
from ..eventlog.base import EventLog
from ..jobs.submit import Jobs
from ..publishing.publisher import Publisher
from .documentation import ApiOperation, SubmitOperation
from .query import LIST
from .quota_fields import headers_of
from .too_often import HowOften

#: States of a job that has ended.
_OVER: Final = ("completed", "failed", "cancelled")
#: Jobs in one list, at most.
_MAX_LISTED: Final = 200


def provide_jobs(
    state: State,
    settings: NamedDependency[Settings],
    log: NamedDependency[EventLog],
    publisher: NamedDependency[Publisher],
) -> Jobs:
    """The application's one `Jobs`, made when it is first wanted."""
    if "jobs" not in state:
        state["jobs"] = Jobs(settings, log, publisher)
    jobs: Jobs = state["jobs"]
    return jobs


def close_jobs(app: Litestar) -> None:
    """Close what `provide_jobs` made; for ``on_shutdown``."""
    if "jobs" in app.state:
        app.state["jobs"].close()


_DEPENDENCIES: Final = {"jobs": Provide(provide_jobs, sync_to_thread=False)}


@post(
    ["/projects/{project_id:str}/jobs", "/projects/{project_id:str}/generate"],
    status_code=202,
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    operation_class=SubmitOperation,
    summary="Queue a job",
)
async def submit_job(
    project_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Queue a job of a kind, as in `{"kind": "transcode", "source": "sample", "height": 480}`."""
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    try:
        body = await request.json()
    except SerializationException as error:
        raise InvalidJSON("the body is not JSON; it must be a JSON object") from error
    accepted = await jobs.submit(project_id, body)
    location = f"{request.scope.get('root_path', '')}{API}/jobs/{accepted['task_id']}"
    headers = {"Location": location, **headers_of(quota)}
    return Response(accepted, status_code=202, headers=headers)


@get(
    "/jobs",
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    summary="List the latest jobs",
    opt=LIST,
    operation_class=ApiOperation,
)
async def list_jobs(
    jobs: NamedDependency[Jobs], limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 20
) -> dict[str, Any]:
    """List the jobs that were last heard of, the latest first."""
    return {"jobs": await jobs.recent(limit)}


@get(
    "/jobs/{job_id:str}",
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    summary="Look at a job",
    operation_class=ApiOperation,
)
async def get_job(job_id: FromPath[str], jobs: NamedDependency[Jobs]) -> dict[str, Any]:
    """Return the state of one job."""
    return await jobs.state(job_id)


@post(
    "/jobs/{job_id:str}/cancel",
    status_code=202,
    dependencies=_DEPENDENCIES,
    responses={
        200: ResponseSpec(dict[str, Any], description="The job is over.", generate_examples=False)
    },
    tags=["jobs"],
    operation_class=ApiOperation,
    summary="Cancel a job",
)
async def cancel_job(
    job_id: FromPath[str], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Cancel a job: at once if it waits, as soon as it can stop if it runs.

    The answer is the job's state: 202 while it is stopping; 200 once it is over,
    `status` saying what it ended as: `cancelled`, or what it was before. It may be
    asked for again.
    """
    state = await jobs.cancel(job_id)
    return Response(state, status_code=200 if state["status"] in _OVER else 202)


JOB_HANDLERS: Final = (submit_job, list_jobs, get_job, cancel_job)
