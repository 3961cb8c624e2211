"""The Redis that jobs wait in, as Dramatiq's broker takes it."""

from __future__ import annotations

from typing import Any, Final, cast

import redis
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from ..config.redis_url import RedisURL, parse_redis_url
from ..config.settings import Settings
from ..errors import JobsUnavailable

#: Seconds that connecting, or one command, may take: a server that is frozen, or
#: a line that is dead at its other end, must not hold a worker for ever.
_TIMEOUT: Final = 5.0


def open_client(settings: Settings) -> redis.Redis:
    """A client to ``broker_url``, else ``redis_url``; it connects when first used.

    Raises:
        JobsUnavailable: neither is set, or it is a cluster.
    """
    text = settings.broker_url or settings.redis_url
    if text is None:
        raise JobsUnavailable("no Redis to queue jobs in; set STREAMER_REDIS_URL")
    url = parse_redis_url(text)
    if url.kind == "cluster":
        raise JobsUnavailable(
            "jobs cannot wait in a Redis Cluster, for Dramatiq's scripts declare no keys; "
            "set STREAMER_BROKER_URL to a Redis that is not one"
        )
    if url.kind == "sentinel":
        return _master_of(url)
    return redis.Redis.from_url(
        text,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        # redis-py would repeat an enqueue that may have been done, and take four
        # times as long to say so. TCP keepalive it has by default.
        retry=Retry(NoBackoff(), 0),
    )


def _master_of(url: RedisURL) -> redis.Redis:
    options = cast("dict[str, Any]", dict(parse_url(url.server)))  # type: ignore[no-untyped-call]
    options.pop("host", None)
    secured = options.pop("connection_class", None) is SSLConnection
    shared = {name: value for name, value in options.items() if name.startswith("ssl_")}
    shared |= {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "ssl": secured}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        url.nodes,
        sentinel_kwargs={
            **shared,
            "username": url.sentinel_username,
            "password": url.sentinel_password,
        },
    )
    given = {**options, **shared}
    client: redis.Redis = sentinel.master_for(url.service, **given)  # type: ignore[no-untyped-call]
    return client
