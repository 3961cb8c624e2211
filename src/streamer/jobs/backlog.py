"""What waits in the queues of Dramatiq: how many jobs, and since when."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, cast

import msgspec
import redis

from ..errors import LogUnavailable
from .broker import OWN_QUEUES


class Waiting(NamedTuple):
    """What waits in one queue for a worker; retries that wait for their time are not among it.

    Attributes:
        jobs: how many.
        age: seconds since the first in line was enqueued; 0.0 if none waits.
    """

    jobs: int
    age: float


class Backlog:
    """Looks at the queues of this deployment: those of built-in jobs, and of users' own actors.

    Args:
        client: to the Redis where jobs wait.
        prefix: of this deployment.
        clock: seconds since 1970, as those who enqueue have it.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client: Final = client
        self._prefix: Final = prefix
        self._clock: Final = clock

    def look(self, queues: Iterable[str]) -> dict[str, Waiting]:
        """What waits in each of `queues`, by its name; it asks Redis, and waits for it.

        Raises:
            LogUnavailable: Redis cannot be reached in time.
        """
        try:
            return {queue: self._look(queue) for queue in queues}
        except redis.RedisError as error:
            raise LogUnavailable(f"the queues cannot be looked at ({error})") from error

    def _look(self, queue: str) -> Waiting:
        jobs, age = 0, 0.0
        for kind in ("dramatiq", OWN_QUEUES):
            name = f"{{{self._prefix}}}:{kind}:{queue}"
            count = self._client.llen(name)
            jobs += count
            if count:
                age = max(age, self._age(name))
        return Waiting(jobs, age)

    def _age(self, name: str) -> float:
        first = cast("bytes | None", self._client.lindex(name, 0))
        message = cast("bytes | None", first and self._client.hget(f"{name}.msgs", first))
        with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
            fields: dict[str, Any] = msgspec.json.decode(message or b"{}")
            enqueued: float = fields["message_timestamp"] / 1000
            return max(0.0, self._clock() - enqueued)
        return 0.0  # taken meanwhile
