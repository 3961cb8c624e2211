"""Where the events of a message's job go."""

from __future__ import annotations

import logging
import uuid
from functools import lru_cache
from typing import Any, Final

from dramatiq import Broker, Message, MessageProxy

from ..errors import InvalidTopic
from ..events.topic import job_topic, project_topic

#: Option of messages and of actors: the project.
PROJECT_OPTION: Final = "project_id"
#: Option of messages: topics beside those of the project and the job; of a job that has
#: a project.
TOPICS_OPTION: Final = "streamer_topics"

_logger: Final = logging.getLogger(__name__)

AnyMessage = Message[Any] | MessageProxy


def topics_of(message: AnyMessage, broker: Broker | None = None) -> tuple[str, ...]:
    """The topics of a message's job: its project's, if it has one, others, and its own.

    The project is the message's option ``project_id``, or else the actor's keyword
    argument of that name, or else the actor's option; a number is taken as text.
    There are none if the message's id cannot be part of a topic; that and a project
    that is not one are logged, once.
    """
    try:
        own = job_topic(str(message.message_id))
    except InvalidTopic as error:
        _warn("jobs with such ids have no events", str(error))
        return ()
    project = _project_of(message, broker)
    if isinstance(project, int | uuid.UUID) and not isinstance(project, bool):
        project = str(project)
    if project is None or project == "":
        return (own,)
    try:
        if isinstance(project, str):
            return (project_topic(project), *message.options.get(TOPICS_OPTION, ()), own)
        problem = f"it is {project!r:.80}"
    except InvalidTopic as error:
        problem = str(error)
    _warn(
        f"jobs of {message.actor_name!r} have events without a project",
        f"{problem}; {PROJECT_OPTION} must be text or a whole number, given as an option "
        "of the message or the actor, or as the actor's keyword argument",
    )
    return (own,)


def _project_of(message: AnyMessage, broker: Broker | None) -> object:
    for options in (message.options, message.kwargs):
        project = options.get(PROJECT_OPTION)
        if project is not None and project != "":
            return project
    actor = None if broker is None else broker.actors.get(message.actor_name)
    return None if actor is None else actor.options.get(PROJECT_OPTION)


@lru_cache(maxsize=256)
def _warn(what: str, problem: str) -> None:
    _logger.warning("%s: %s", what, problem)
