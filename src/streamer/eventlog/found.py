"""Where the event log is that settings mean, whether or not they name it."""

from __future__ import annotations

import msgspec

from ..config.settings import Settings
from ..errors import LogUnavailable
from .embedded.data_lock import running_url


def found_log_url(settings: Settings) -> str | None:
    """The Redis that is set, else the embedded server that runs on the data directory, if any."""
    if settings.redis_url is not None:
        return settings.redis_url
    return running_url(settings.data_dir)


def with_found_log(settings: Settings) -> Settings:
    """`settings` with the Redis that `found_log_url` finds.

    Raises:
        LogUnavailable: there is none; saying every way out.
    """
    url = found_log_url(settings)
    if url is None:
        raise LogUnavailable(
            "there is no event log: give redis_url or STREAMER_REDIS_URL, as in "
            "redis://localhost:6379; or start `streamer run` in this directory, which brings one"
        )
    return msgspec.structs.replace(settings, redis_url=url)
