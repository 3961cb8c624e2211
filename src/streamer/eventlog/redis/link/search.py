"""Who is asked where the log is, by its URL."""

from __future__ import annotations

from ....config.redis_url import RedisURL
from ..keys import Keys
from .cluster import ClusterSearch
from .route import Route
from .sentinel import SentinelSearch


def open_route(url: RedisURL, prefix: str, timeout: float) -> Route | None:
    """The route to the log under `prefix`; None to one server, which never moves.

    `timeout` is in seconds.
    """
    match url.kind:
        case "sentinel":
            return Route(SentinelSearch(url, timeout))
        case "cluster":
            return Route(ClusterSearch(url, Keys(prefix).clock, timeout))
        case _:
            return None
