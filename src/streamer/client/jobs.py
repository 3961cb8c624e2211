"""Jobs over HTTP, for programs that cannot reach the log itself: listed, cancelled, run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..config.server_url import API
from .asking import ask

_PATH: Final = f"{API}/jobs"


def list_jobs(
    url: str, query: Mapping[str, str | Sequence[str]], *, token: str | None = None
) -> dict[str, Any]:
    """Return ``{"jobs": […], "next": …}``, for the query that ``GET /api/v1/jobs`` takes.

    Raises:
        Refused: why there is no list; status 0 if nobody answered.
        InvalidServerURL: `url` is malformed.
    """
    return ask("GET", url, _PATH, query, token=token)


def cancel_job(url: str, job_id: str, *, token: str | None = None) -> dict[str, Any]:
    """Cancel a job; return its state.

    Raises:
        Refused, InvalidServerURL: as `list_jobs` says.
    """
    return ask("POST", url, f"{_PATH}/{job_id}/cancel", token=token)


def retry_job(url: str, job_id: str, *, token: str | None = None) -> dict[str, Any]:
    """Run a job again; return what ``POST …/retry`` answers.

    Raises:
        Refused, InvalidServerURL: as `list_jobs` says.
    """
    return ask("POST", url, f"{_PATH}/{job_id}/retry", token=token)
