"""An answer of the job that is running here, or of anybody: ``streamer.answer()``."""

from __future__ import annotations

import uuid

from ..errors import InvalidParameter, LogUnavailable
from ..events.topic import check_topic
from ..publishing.answer import Answer
from ..publishing.answer_events import AnswerEvents
from ..publishing.publisher import Publisher
from ..publishing.sync_publisher import SyncPublisher
from ..tracing.doing import current_trace
from .current import progress


def answer(
    topic: str,
    *,
    reply_to: str | None = None,
    publisher: Publisher | SyncPublisher | None = None,
    name: str | None = None,
    attempt: int | None = None,
) -> Answer:
    """Begin to say an answer on `topic`; for a ``with``, or an ``async with``.

    Within a job `publisher` is the job's, `name` the job's own (the second of its answers has
    another), and `attempt` the job's: so what a failed attempt said is void when the next one
    begins, and the answer fails when the job does. If somebody cancels it, it stops at the next
    thing that it says. Elsewhere a `publisher` must be given, and
    an exception fails the answer.

    Args:
        topic: where it is said.
        reply_to: the id of the message that is answered.
        publisher: by which it is told.
        name: the answer's, the same in all its attempts and of no other.
        attempt: counted from 1; a later one voids what those before it said.

    Raises:
        InvalidTopic: `topic` is malformed.
        InvalidParameter: there is no publisher.
        LogUnavailable: the log was away as the job began, so it may have been begun twice with
            the same number: readers would add up what both say. The next attempt knows.
    """
    check_topic(topic)
    job = progress()
    is_of_job = publisher is None and job.publisher is not None
    given = job.publisher if publisher is None else publisher
    if given is None:
        raise InvalidParameter(
            "outside of a job an answer needs a publisher: answer(…, publisher=…)"
        )
    if is_of_job and attempt is None and job.guessed:
        raise LogUnavailable("the log was away as the job began: its next attempt says the answer")
    if name is None:
        another = f"-{len(job.answers) + 1}" if job.answers else ""
        name = f"{job.run}{another}" if is_of_job else uuid.uuid4().hex
    events = AnswerEvents(
        topic,
        name,
        job.attempt if attempt is None else attempt,
        reply_to,
        given.max_event_bytes,
        current_trace(),
    )
    if not is_of_job:
        return Answer(given, events)

    def look() -> None:
        if job.telling.is_stopping:
            job.telling.stop_if_cancelled()

    said = Answer(given, events, fails=False, look=look)
    job.answers.append(said)
    return said
