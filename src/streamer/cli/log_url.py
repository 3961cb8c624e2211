"""Which Redis a command means: that of the events, and that of the jobs."""

from __future__ import annotations

import rich_click as click

from ..config.redis_url import parse_redis_url
from ..config.settings import Settings
from ..eventlog.found import found_log_url


def needed_log_url(settings: Settings) -> str:
    """Do as `found_log_url`, for a process that is nothing without one.

    Raises:
        click.UsageError: saying every way out.
    """
    url = found_log_url(settings)
    if url is None:
        raise click.UsageError(
            "there is no event log: give --redis-url or STREAMER_REDIS_URL, as in "
            "redis://localhost:6379; or use `streamer run`, which brings its own"
        )
    return url


def jobs_problem(settings: Settings) -> str | None:
    """Why no job can be queued with these settings; None if the Redis can take them."""
    url = settings.broker_url or settings.redis_url
    if url is None or parse_redis_url(url).kind != "cluster":
        return None
    return (
        "jobs cannot wait in a Redis Cluster; set STREAMER_BROKER_URL to one that is not, "
        "or start only the servers, with streamer serve"
    )


def refuse_jobs_in_a_cluster(settings: Settings) -> None:
    """Stop a command that would run jobs where none can be queued.

    Raises:
        click.UsageError: saying every way out.
    """
    problem = jobs_problem(settings)
    if problem is not None:
        raise click.UsageError(problem)
