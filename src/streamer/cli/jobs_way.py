"""Where a command finds jobs: at a server, or straight in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from ..eventlog.found import found_log_url
from .find_server import server_url
from .refused import why

T = TypeVar("T")


class Asked(NamedTuple):
    """Which jobs are wanted: of a project, in any of some states, so many at most."""

    project: str | None
    states: tuple[str, ...]
    limit: int


class Refusal(Exception):
    """What cannot be done, in a sentence for a person; ``gone``: nor can anything else there."""

    def __init__(self, detail: str, *, gone: bool) -> None:
        super().__init__(detail)
        self.detail: Final = detail
        self.gone: Final = gone


class JobsWay:
    """The server at --url where one is named; else the log, the shortest way; else a server.

    Every method raises `Refusal`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._log_url: Final = None if settings.url is not None else found_log_url(settings)

    def list(self, asked: Asked) -> dict[str, Any]:
        """Return ``{"jobs": […], "next": …}``, as ``GET /api/v1/jobs`` does."""
        if self._log_url is None:
            from ..client.jobs import list_jobs

            query: dict[str, Any] = {"limit": str(asked.limit), "status": asked.states}
            if asked.project is not None:
                query["project"] = asked.project
            return self._over_http(lambda url: list_jobs(url, query, token=self._settings.token))

        async def read(jobs: Any, _answers: Any) -> dict[str, Any]:  # noqa: ANN401 - imported late
            from ..jobs.listing import Wanted

            wanted = Wanted.read(asked.project, asked.states, None, None)
            listed = await jobs.recent(asked.limit, None, wanted)
            return {"jobs": listed.jobs, "next": listed.next}

        return self._in_log(read)

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job; return its state."""
        if self._log_url is None:
            from ..client.jobs import cancel_job

            return self._over_http(lambda url: cancel_job(url, job_id, token=self._settings.token))

        async def cancel(jobs: Any, answers: Any) -> dict[str, Any]:  # noqa: ANN401 - imported late
            state: dict[str, Any] = await jobs.cancel(job_id)
            await answers.cancelled(job_id, state)
            return state

        return self._in_log(cancel)

    def retry(self, job_id: str) -> dict[str, Any]:
        """Run a job again; return what ``POST …/retry`` answers."""
        if self._log_url is None:
            from ..client.jobs import retry_job

            return self._over_http(lambda url: retry_job(url, job_id, token=self._settings.token))

        async def retry(jobs: Any, _answers: Any) -> dict[str, Any]:  # noqa: ANN401 - imported late
            state: dict[str, Any] = await jobs.retry(job_id)
            return state

        return self._in_log(retry)

    def _over_http(self, ask: Callable[[str], T]) -> T:
        from ..client import Refused

        url = server_url(self._settings)
        try:
            return ask(url)
        except Refused as error:
            if error.status == 0:  # it names the server itself
                raise Refusal(error.detail, gone=True) from error
            gone = error.code not in ("not_found", "job_conflict", "forbidden", "invalid_topic")
            detail = why(error, self._settings.token)
            raise Refusal(
                f"{without_userinfo(url)}: {detail}" if gone else detail, gone=gone
            ) from error

    def _in_log(self, ask: Callable[[Any, Any], Awaitable[T]]) -> T:
        from ..errors import Forbidden, InvalidInput, JobConflict, NotFound
        from ..eventlog.open import open_event_log
        from ..jobs.chat_answer.asking import Answers, answers_here
        from ..jobs.submit import Jobs
        from ..publishing.publisher import Publisher

        settings = msgspec.structs.replace(self._settings, redis_url=self._log_url)

        async def do() -> T:
            log = open_event_log(settings)
            publisher = Publisher(log, max_event_bytes=settings.max_event_bytes)
            jobs = Jobs(settings, log, publisher)
            try:
                # This process may not have the settings of those who answer.
                here = answers_here(settings, lambda: jobs, publisher)
                return await ask(jobs, here or Answers(lambda: jobs, publisher))
            finally:
                jobs.close()
                await log.close()

        try:
            return asyncio.run(do())
        except StreamerError as error:
            only_this = isinstance(error, NotFound | JobConflict | InvalidInput | Forbidden)
            raise Refusal(message(error.detail), gone=not only_this) from error
