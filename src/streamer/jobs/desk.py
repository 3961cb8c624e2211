"""Where a worker of a user's own actors offers them, and takes what servers were asked for.

Servers have none of the user's code, and need not reach the user's broker: what they are asked
for waits at the desk, and whoever runs the actors puts it into their queue.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import redis
from dramatiq import Broker, Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerError

from ..config.settings import Settings
from ..every import every_until
from . import runs
from .broker import create_broker
from .job_kind import Marked
from .offers import Offer, Offers

#: Seconds between two looks while nothing is asked for: how long a job waits here at most.
_LOOK: Final = 0.2
#: Seconds between two times that the offer is repeated; it is believed for a day.
_REPEAT: Final = 60.0
#: Seconds before another try where the broker cannot be reached, or its queue is full.
_AGAIN: Final = 1.0
#: Seconds that what the thread is at may take when it is to end.
_STOP_SECONDS: Final = 5.0

_logger: Final = logging.getLogger(__name__)


def desk_of(modules: Sequence[str]) -> str:
    """The name of the queue of those who run these modules."""
    return ".".join(("own", *sorted(modules)))


class Desk:
    """A thread that offers `kinds` and hands over what is asked for, while the context lasts.

    Args:
        name: that of its queue.
        broker: that of their actors.
    """

    def __init__(
        self, settings: Settings, name: str, kinds: Sequence[Marked], broker: Broker
    ) -> None:
        self._name: Final = name
        self._actors: Final = {each.actor.actor_name: each.actor for each in kinds}
        self._offers_of: Final = [
            Offer(
                each.kind,
                each.actor.actor_name,
                each.actor.queue_name,
                each.parameters.schema,
                each.parameters.takes_project,
                each.description,
            )
            for each in kinds
        ]
        self._broker: Final = broker
        self._most: Final = settings.max_queued_jobs
        self._waiting: Final = create_broker(settings)
        self._offers: Final = Offers(self._waiting.client, self._waiting.namespace)
        self._since: Final = time.time()
        self._repeated: float | None = None
        self._stopped: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)
        self._waiting.client.close()

    def _run(self) -> None:
        what = "taking the jobs that servers were asked for"
        every_until(self._stopped, _AGAIN, self._take, what, logger=_logger)

    def _take(self) -> None:
        """Offer, and hand over what is there, until the end or an error."""
        consumer = None
        try:
            while not self._stopped.is_set():
                self._offer()
                # With nothing at hand it waits for a moment itself.
                consumer = consumer or self._waiting.consume(
                    self._name, prefetch=1, timeout=int(_LOOK * 1000)
                )
                message = next(consumer)
                if message is not None:
                    self._hand_over(consumer, message)
        except (redis.RedisError, OSError, BrokerError):
            # Whoever watches the Redis says so; what was not acknowledged comes again.
            return
        finally:
            if consumer is not None:
                consumer.close()

    def _offer(self) -> None:
        now = time.monotonic()
        if self._repeated is None or now - self._repeated >= _REPEAT:
            self._offers.put(self._name, self._offers_of, self._since)
            self._repeated = now

    def _hand_over(self, consumer: Consumer, asked: MessageProxy) -> None:
        """Enqueue it with the broker of its actor, however long that is away, or its queue full."""
        if self._try(lambda: self._enqueue(asked)):
            # Else it would come once more, when this process has ended.
            self._try(lambda: consumer.ack(asked))
        else:
            consumer.requeue([asked])

    def _try(self, do: Callable[[], bool | None]) -> bool:
        """Do it, again and again until it is done, which False denies; False if it is to end."""
        while True:
            with contextlib.suppress(redis.RedisError, OSError, BrokerError):
                if do() is not False:
                    return True
            if self._stopped.wait(_AGAIN):
                return False

    def _enqueue(self, asked: MessageProxy) -> bool:
        actor = self._actors.get(asked.actor_name)
        # Of an actor that is gone, as after a rename, the worker says so.
        queue = asked.kwargs["queue"] if actor is None else actor.queue_name
        if self._is_full(queue):
            return False
        message: Message[object] = Message(
            queue_name=queue,
            actor_name=asked.actor_name,
            args=(),
            kwargs=asked.kwargs["parameters"],
            options=dict(asked.kwargs["options"]),
            message_id=asked.message_id,
            message_timestamp=asked.message_timestamp,
        )
        runs.mark_moved(message)  # it is reported as queued
        self._broker.enqueue(message)
        return True

    def _is_full(self, queue: str) -> bool:
        """Whether as many wait there as may; then servers refuse more, once the desk is full."""
        broker = self._broker
        return isinstance(broker, RedisBroker) and broker.do_qsize(queue) >= self._most
