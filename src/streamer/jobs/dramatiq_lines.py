"""What Dramatiq logs, in our words: one line where nothing is wrong that we do not say."""

from __future__ import annotations

import logging
from typing import Final

from dramatiq import MessageProxy
from dramatiq.middleware import Shutdown

from .recording.recording import RECORDING

#: The loggers of Dramatiq's threads; those of consumers have the queue's name behind it.
_WORKER: Final = "dramatiq.worker.WorkerThread"
_CONSUMER: Final = "dramatiq.worker.ConsumerThread"
#: How Dramatiq's line about a broker that is away begins, every three seconds and queue.
_AWAY: Final = "Consumer encountered a connection error"


def speak_for_dramatiq() -> None:
    """Filter what the handlers of this process write; call it once logging is set up."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_ours)


def _ours(record: logging.LogRecord) -> bool:
    """Whether `record` is written, possibly shortened."""
    if record.name == _WORKER and isinstance(record.args, tuple):
        record.args = tuple(_without_words(argument) for argument in record.args)
    if record.name.startswith(_CONSUMER):
        # `broker_watch` reports it, once, and when it is over.
        return not str(record.msg).startswith(_AWAY)
    if record.name == _WORKER and record.exc_info:
        _, error, _ = record.exc_info
        if isinstance(error, Shutdown):  # we interrupted the job: it has not failed
            message_id = getattr((record.args or (None,))[0], "message_id", "?")  # type: ignore[index]
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "job %s is interrupted and handed back", (message_id,)
            record.exc_info = record.exc_text = None
    return True


def _without_words(argument: object) -> object:
    """What somebody asks an AI server is nobody else's business, a log's neither."""
    if isinstance(argument, MessageProxy) and argument.actor_name == RECORDING.name:
        return f"{argument.actor_name}({argument.message_id})"
    return argument
