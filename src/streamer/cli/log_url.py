"""Which event log a lone command means."""

from __future__ import annotations

import rich_click as click

from ..settings import Settings


def log_url(settings: Settings) -> str | None:
    """The Redis that is set, else the embedded server that runs on the data directory, if any."""
    if settings.redis_url is not None:
        return settings.redis_url
    from ..eventlog.data_lock import running_url

    return running_url(settings.data_dir)


def needed_log_url(settings: Settings) -> str:
    """Do as `log_url`, for a process that is nothing without one.

    Raises:
        click.UsageError: saying every way out.
    """
    url = log_url(settings)
    if url is None:
        raise click.UsageError(
            "there is no event log: give --redis-url or STREAMER_REDIS_URL, as in "
            "redis://localhost:6379; or use `streamer run`, which brings its own"
        )
    return url
