"""Where the events of a Dramatiq message's job go."""

from __future__ import annotations

from typing import Any, Final

from dramatiq import Broker, Message, MessageProxy

from .topics_of_job import topics_of_job

#: Option of messages and of actors: the project.
PROJECT_OPTION: Final = "project_id"
#: Option of messages: topics beside those of the project and the job; of a job that has
#: a project.
TOPICS_OPTION: Final = "streamer_topics"

AnyMessage = Message[Any] | MessageProxy


def topics_of(message: AnyMessage, broker: Broker | None = None) -> tuple[str, ...]:
    """The topics of a message's job: its project's, if it has one, others, and its own.

    The project is the message's option ``project_id``, or else the actor's keyword
    argument of that name, or else the actor's option; a number is taken as text.
    There are none if the message's id cannot be part of a topic; that and a project
    that is not one are logged, once.
    """
    project = _project_of(message, broker)
    others = message.options.get(TOPICS_OPTION, ())
    return topics_of_job(str(message.message_id), project, message.actor_name, others)


def _project_of(message: AnyMessage, broker: Broker | None) -> object:
    for options in (message.options, message.kwargs):
        project = options.get(PROJECT_OPTION)
        if project is not None and project != "":
            return project
    actor = None if broker is None else broker.actors.get(message.actor_name)
    return None if actor is None else actor.options.get(PROJECT_OPTION)
