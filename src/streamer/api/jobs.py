"""The HTTP face of jobs."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, Parameter

from ..config.server_url import API
from ..config.settings import Settings
from ..errors import Forbidden, InvalidJSON
from ..eventlog.base import EventLog
from ..events.new_event import check_key
from ..events.topic import project_topic
from ..jobs.chat_answer.asking import Answers
from ..jobs.listing import Wanted
from ..jobs.offers import OfferedKind
from ..jobs.submit import Jobs
from ..publishing.publisher import Publisher
from ..uploads.uploads import Uploads
from .asker import asker_of
from .documentation import ApiOperation, AskForJobOperation, SubmitOperation
from .may import may_change, may_publish, may_see
from .publish import key_of
from .query import LIST_JOBS
from .quota_fields import headers_of
from .refusals import note_denial
from .too_often import HowOften

#: States of a job that has ended.
OVER: Final = ("completed", "failed", "cancelled")
#: Who may read what this covers may read every job, and is asked of none.
_EVERY_JOB: Final = "jobs/**"
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


async def kinds_on_offer(app: Litestar) -> Mapping[str, OfferedKind]:
    """The kinds that workers offer now, by name; `offered_kinds` knows them from then on."""
    state = app.state
    jobs = provide_jobs(state, state.settings, state.log, state.publisher)
    state["offered_kinds"] = kinds = await jobs.offered()
    return kinds


def offered_kinds(app: Litestar) -> Mapping[str, OfferedKind]:
    """The kinds that were on offer when that was last asked, by name."""
    kinds: Mapping[str, OfferedKind] = app.state.get("offered_kinds", {})
    return kinds


_DEPENDENCIES: Final = {"jobs": Provide(provide_jobs, sync_to_thread=False)}


@post(
    ["/projects/{project_id:str}/jobs", "/projects/{project_id:str}/generate"],
    status_code=202,
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    operation_class=AskForJobOperation,
    summary="Queue a job",
)
async def submit_job(
    project_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Queue a job of a kind, as in `{"kind": "transcode", "source": "sample", "height": 480}`.

    Beside the built-in kinds there are those of a user's own that a `streamer worker` offers.
    With an `Idempotency-Key` what is asked again, within a day, is the same job.
    The schema that a server serves at `/schema/openapi.json` has them, too.
    """
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    asker = asker_of(request)
    may_publish(asker, (project_topic(project_id),))
    try:
        body = msgspec.json.decode(await request.body() or b"null")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON("the body is not JSON; it must be a JSON object") from error
    key = key_of(asker, request.headers.get("idempotency-key"))
    if key is not None:
        check_key(key)
    accepted = await jobs.submit(project_id, body, key=key)
    location = f"{request.scope.get('root_path', '')}{API}/jobs/{accepted['task_id']}"
    headers = {"Location": location, **headers_of(quota)}
    return Response(accepted, status_code=202, headers=headers)


@get(
    "/jobs",
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    summary="List the latest jobs",
    opt=LIST_JOBS,
    operation_class=ApiOperation,
)
async def list_jobs(
    request: Request[Any, Any, Any],
    jobs: NamedDependency[Jobs],
    *,
    limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 20,
    project: FromQuery[str | None] = None,
    status: FromQuery[tuple[str, ...]] = (),
    q: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """List the jobs that were last heard of, the latest first.

    Those that whoever asks may not read are not there. `status` may be repeated; `q` is words
    that are all in a job's id, project, name, message or error. `next` is what `before` is to
    be for the list after this one, null where there is none; a list may be empty and have a
    next one, for only so many jobs are looked at.
    """
    asker = asker_of(request)
    wanted = Wanted.read(project, status, q, before)
    sees_all = asker.grants.may_read(_EVERY_JOB)
    listed = await jobs.recent(limit, None if sees_all else partial(may_see, asker), wanted)
    return {"jobs": listed.jobs, "next": listed.next}


@get(
    "/jobs/{job_id:str}",
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    summary="Look at a job",
    operation_class=ApiOperation,
)
async def get_job(
    job_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> dict[str, Any]:
    """Return the state of one job; `retryable` says whether it can be run again."""
    return await jobs.state(job_id, _Seeing(request))


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
    job_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Cancel a job: at once if it waits, as soon as it can stop if it runs.

    The answer is the job's state: 202 while it is stopping; 200 once it is over,
    `status` saying what it ended as: `cancelled`, or what it was before. It may be
    asked for again.
    """
    cancelling = _Changing(request, "cancel it")
    state = await jobs.cancel(job_id, cancelling)
    uploads: Uploads = request.app.state.uploads
    if state["status"] not in OVER and await uploads.cancel(job_id):
        state = await jobs.state(job_id)  # no worker has it: it is over at once
    answers: Answers | None = request.app.state.answers
    if answers is not None:
        await answers.cancelled(job_id, state)
    if not cancelling.sees:
        state = {name: state[name] for name in ("job_id", "status")}
    return Response(state, status_code=200 if state["status"] in OVER else 202)


@post(
    "/jobs/{job_id:str}/retry",
    status_code=202,
    dependencies=_DEPENDENCIES,
    tags=["jobs"],
    operation_class=SubmitOperation,
    summary="Run a job again",
)
async def retry_job(
    job_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]
) -> Response[dict[str, Any]]:
    """Run a job again that failed or was cancelled, with what it was asked with.

    It is the same job, and its events go on where they were. Only one that was asked for
    over HTTP can be: 409 otherwise, and where it is not over, or went well.
    """
    often: HowOften = request.app.state.job_rate
    quota = often.count(request)
    accepted = await jobs.retry(job_id, _Changing(request, "run it again"))
    return Response(accepted, status_code=202, headers=dict(headers_of(quota)))


class _Seeing:
    """Whether whoever asks may see a job; that they may not is logged."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request: Final = request
        self._asker: Final = asker_of(request)

    def __call__(self, job: str, project: str | None) -> bool:
        """Return whether they may; `job` and `project` are topics."""
        if may_see(self._asker, job, project):
            return True
        # There may be none, too: what is done is the same.
        note_denial(self._request.scope, Forbidden(f"you may not read {job}"))
        return False


class _Changing:
    """Whether whoever asks may change a job, in the way that `what` says, and whether they see it.

    Attributes:
        sees: as it says, once it was called.
    """

    def __init__(self, request: Request[Any, Any, Any], what: str) -> None:
        self._request: Final = request
        self._asker: Final = asker_of(request)
        self._what: Final = what
        self.sees = False

    def __call__(self, job: str, project: str | None) -> bool:
        """Return whether they may; `job` and `project` are topics.

        Raises:
            Forbidden: they may not, and see it.
        """
        self.sees = may_see(self._asker, job, project)
        if may_change(self._asker, job, project):
            return True
        error = Forbidden(f"you may not publish to {job}, so you cannot {self._what}")
        if self.sees:
            raise error
        note_denial(self._request.scope, error)
        return False


JOB_HANDLERS: Final = (submit_job, list_jobs, get_job, cancel_job, retry_job)
