"""The answer that a job is asked for: whoever waits for it hears its end, also if it says none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from ..errors import StreamerError
from ..publishing.answer_events import AnswerEvents, Reason
from ..publishing.sync_publisher import SyncPublisher
from .running import RunningJob

#: Option of messages: the topic, and the id of the message that is to be answered there.
ANSWER_OPTION: Final = "streamer_answer"

_logger: Final = logging.getLogger(__name__)


def owed_by(options: Mapping[str, Any]) -> tuple[str, str] | None:
    """The topic and the message that the job of a message with these `options` is to answer."""
    option = options.get(ANSWER_OPTION)
    if option is None:
        return None
    topic, reply_to = map(str, option)
    return topic, reply_to


def end_owed(job: RunningJob, publisher: SyncPublisher, error: str, reason: Reason) -> None:
    """Tell that there will be no answer, if the job owes one and has begun none; never raises."""
    if job.owed is None or job.progress.answers:
        return
    topic, reply_to = job.owed
    events = AnswerEvents(topic, job.run.name, job.number, reply_to, publisher.max_event_bytes)
    failed = events.failed(error, reason)
    try:
        publisher.ask(lambda log: log.append(failed))
    except StreamerError as problem:
        _logger.warning("the end of answer %s is not told: %s", events.answer, problem)
