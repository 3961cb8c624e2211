"""What jobs were asked with, so that one that failed can be run again."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import redis
from dramatiq import Message

#: Bytes of a message that is kept, at most; a larger one cannot be run again.
_MAX_BYTES: Final = 16 * 1024
#: Seconds in which a job is run again once, however often it is asked for.
_CLAIM_SECONDS: Final = 60


class KeptMessages:
    """The messages of jobs that a server queued. Every method blocks.

    Args:
        namespace: that of the broker's keys.
        seconds: for which a message is kept, as long as what its job reported.
    """

    def __init__(self, client: redis.Redis, namespace: str, seconds: float) -> None:
        self._client: Final = client
        self._namespace: Final = namespace
        self._seconds: Final = max(1, int(seconds))

    def keep(self, message: Message[Any]) -> None:
        """Keep a message, as it is before it is enqueued."""
        packed = msgspec.json.encode(
            [message.queue_name, message.actor_name, message.kwargs, message.options]
        )
        if len(packed) <= _MAX_BYTES:
            self._client.set(self._key("kept", message.message_id), packed, ex=self._seconds)

    def find(self, job_id: str) -> Message[Any] | None:
        """The message of a job, to be enqueued again; None if it is not kept."""
        packed = self._client.get(self._key("kept", job_id))
        if not isinstance(packed, bytes):
            return None
        queue, actor, kwargs, options = msgspec.json.decode(packed)
        return Message(
            queue_name=queue,
            actor_name=actor,
            args=(),
            kwargs=kwargs,
            options=options,
            message_id=job_id,
        )

    def has(self, job_id: str) -> bool:
        """Whether the message of a job is kept."""
        return bool(self._client.exists(self._key("kept", job_id)))

    def claim(self, run: str) -> bool:
        """Whether the caller is the first who enqueues that run, and so must."""
        return bool(self._client.set(self._key("again", run), b"", nx=True, ex=_CLAIM_SECONDS))

    def unclaim(self, run: str) -> None:
        """Let somebody else enqueue that run: it was not."""
        self._client.delete(self._key("again", run))

    def _key(self, kind: str, name: str) -> str:
        return f"{self._namespace}:{kind}:{name}"
