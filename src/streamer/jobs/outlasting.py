"""Dramatiq's broker over Redis, of which an outage of Redis loses no message."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
from dramatiq import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import q_name
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import WorkerThread

#: Seconds between two attempts to enqueue what must be.
_PAUSE: Final = 0.5

_logger: Final = logging.getLogger(__name__)


class _Thread(threading.local):
    """What a thread is at.

    Attributes:
        must_enqueue: what it enqueues is lost if Redis does not take it: its job is over.
        was_refused: Redis did not do what it was told.
    """

    must_enqueue = False
    was_refused = False


class OutlastingBroker(RedisBroker):
    """Dramatiq's, with which a message outlasts an outage as it outlasts its worker.

    Redis keeps what a worker has taken until it is acknowledged, and gives it to others once
    the worker is dead. One that lives, and was cut off, is left alone with it, though it may
    have it no longer: Dramatiq forgets then what waited for its time, which is each retry, and
    what was on its way. So a consumer that begins anew puts back what nobody here has.

    And what is enqueued once a job is over, its retry or what is piped, is lost if Redis does
    not take it, for the message is acknowledged next: so that is repeated until it does, or the
    worker stops, as Dramatiq repeats the acknowledgement.

    An answer that does not come is a lost connection. Otherwise a worker would take a timeout
    for a defect, and not try again to acknowledge a message.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as Dramatiq's takes them
        super().__init__(**options)  # type: ignore[no-untyped-call]
        #: What threads that consume have given out, by thread and queue: ids of Redis.
        self._given: Final[dict[tuple[int, str], set[str]]] = {}
        self._thread: Final = _Thread()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> _Consumer:
        """Make a consumer; after an outage first put back what the one before has lost.

        Args:
            queue_name: of which queue.
            prefetch: messages that are taken before they are acknowledged, at most.
            timeout: milliseconds between two looks at an empty queue, at most.

        Raises:
            ConnectionClosed: Redis is away.
        """
        given = self._given.setdefault((threading.get_ident(), queue_name), set())
        if self._thread.was_refused:
            if q_name(queue_name) != queue_name:
                # Here messages wait for their time, and nobody has them but the consumer.
                given.clear()
            self._put_back(queue_name)
            self._thread.was_refused = False
        return _Consumer(self, queue_name, prefetch, timeout, given)

    def emit_after(self, signal: str, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - any hook's
        """Call the hooks; what they enqueue when a job is over must be."""
        before = self._thread.must_enqueue
        self._thread.must_enqueue = signal == "process_message"
        try:
            super().emit_after(signal, *arguments, **named)
        finally:
            self._thread.must_enqueue = before

    def _put_back(self, queue_name: str) -> None:
        key = f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}"
        try:
            # In this order: what is acknowledged in between is not put back, for it is not there.
            taken = {_text(each) for each in self.client.smembers(key)}
            for (_, queue), given in list(self._given.items()):
                if queue == queue_name:
                    taken -= given
            if taken:
                self.do_requeue(queue_name, *taken)
                _logger.info("%d messages are put back into the queue %s", len(taken), queue_name)
        except redis.RedisError as error:
            raise _closed(error) from None

    def _dispatch(self, command: str) -> Callable[..., Any]:
        dispatch = super()._dispatch(command)  # type: ignore[no-untyped-call]

        def in_time(queue_name: str, *arguments: object) -> Any:  # noqa: ANN401 - a reply of Redis
            try:
                return dispatch(queue_name, *arguments)
            except redis.RedisError as error:
                self._thread.was_refused = True
                if isinstance(error, redis.TimeoutError):
                    raise redis.ConnectionError(f"no answer in time: {error}") from error
                raise

        def until_taken(queue_name: str, *arguments: object) -> Any:  # noqa: ANN401 - the same
            is_said = False
            while True:
                try:
                    return in_time(queue_name, *arguments)
                except redis.RedisError as error:
                    if not (self._thread.must_enqueue and _is_working()):
                        raise
                    if not is_said:
                        _logger.info("a message waits to be enqueued: %s", error)
                    is_said = True
                time.sleep(_PAUSE)

        return until_taken if command == "enqueue" else in_time


class _Consumer(_RedisConsumer):
    """Dramatiq's, that tells which messages are in somebody's hands.

    Args:
        given: their ids in Redis; those of the consumer before it stay there.
    """

    def __init__(
        self,
        broker: OutlastingBroker,
        queue_name: str,
        prefetch: int,
        timeout: int,
        given: set[str],
    ) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        self._given: Final = given

    def __next__(self) -> MessageProxy | None:
        message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        if message is not None:
            self._given.add(_id_of(message))
        return message

    def ack(self, message: MessageProxy) -> None:
        super().ack(message)  # type: ignore[no-untyped-call]
        self._given.discard(_id_of(message))

    def nack(self, message: MessageProxy) -> None:
        super().nack(message)  # type: ignore[no-untyped-call]
        self._given.discard(_id_of(message))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give messages back.

        Raises:
            ConnectionClosed: Redis is away; of any other error a consumer's thread would end.
        """
        back = list(messages)
        try:
            super().requeue(back)  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            raise _closed(error) from None
        self._given.difference_update(_id_of(message) for message in back)


def _id_of(message: MessageProxy) -> str:
    return str(message.options.get("redis_message_id"))


def _text(given: bytes | str) -> str:
    return given.decode() if isinstance(given, bytes) else given


def _closed(error: Exception) -> ConnectionClosed:
    return ConnectionClosed(error)  # type: ignore[no-untyped-call]


def _is_working() -> bool:
    """Whether this is a worker's thread, and is not to stop."""
    thread = threading.current_thread()
    return isinstance(thread, WorkerThread) and thread.running
