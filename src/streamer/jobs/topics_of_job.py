"""Where the events of a job go, whoever queues it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ..errors import InvalidTopic
from ..events.topic import job_topic, project_topic

_logger: Final = logging.getLogger(__name__)


def topics_of_job(
    job_id: str, project: object, task_name: str, others: Iterable[str] = ()
) -> tuple[str, ...]:
    """The topics of a job: its project's, if it has one, `others`, and its own.

    A project may be text, a whole number or a UUID. There are none if `job_id` cannot be
    part of a topic; that and a project that is not one are logged, once.
    """
    try:
        own = job_topic(job_id)
    except InvalidTopic as error:
        _warn("jobs with such ids have no events", str(error))
        return ()
    if isinstance(project, int | uuid.UUID) and not isinstance(project, bool):
        project = str(project)
    if project is None or project == "":
        return (own,)
    try:
        if isinstance(project, str):
            return (project_topic(project), *others, own)
        problem = f"it is {project!r:.80}"
    except InvalidTopic as error:
        problem = str(error)
    _warn(
        f"jobs of {task_name!r} have events without a project",
        f"{problem}; a project's id must be text or a whole number",
    )
    return (own,)


@lru_cache(maxsize=256)
def _warn(what: str, problem: str) -> None:
    _logger.warning("%s: %s", what, problem)
