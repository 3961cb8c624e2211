"""May they? What every address, transport and command asks before it reads or writes."""

from __future__ import annotations

from collections.abc import Iterable

from ..access.grants import EVERYTHING
from ..errors import Forbidden
from ..eventlog.base import EventLog
from ..events.topic import job_of
from .asker import Asker


async def may_read(asker: Asker, topics: Iterable[str], log: EventLog) -> None:
    """Return if `asker` may read each of `topics`.

    It is decided by their names alone, never by whether there is anything. A job may also
    be read by whoever may read its project, which only `log` knows: it is read once for
    each job that no pattern covers, whether there is one or not.

    Raises:
        Forbidden: one may not be read, or is not there, which is the same.
        LogUnavailable: it cannot be known now.
    """
    grants = asker.grants
    if grants is EVERYTHING:
        return
    for topic in topics:
        if grants.may_read(topic):
            continue
        project = None if job_of(topic) is None else await _project_of(topic, log)
        if project is None or not grants.may_read(project):
            raise Forbidden(f"you may not read {topic}", topic=topic)


def surely_may_read(asker: Asker, topics: Iterable[str]) -> bool:
    """Whether `may_read` returns without asking the log; else only it knows."""
    return asker.grants is EVERYTHING or all(map(asker.grants.may_read, topics))


def may_publish(asker: Asker, topics: Iterable[str]) -> None:
    """Return if `asker` may publish to each of `topics`; decided by their names alone.

    Raises:
        Forbidden: to one of them they may not.
    """
    grants = asker.grants
    if grants is EVERYTHING:
        return
    for topic in topics:
        if not grants.may_publish(topic):
            raise Forbidden(f"you may not publish to {topic}")


def may_see(asker: Asker, topic: str, project: str | None = None) -> bool:
    """Whether `topic` is shown to `asker`, be it for its own sake or, of a job, its project's.

    `project` is the topic of that one, where it is known already.
    """
    grants = asker.grants
    return grants.may_read(topic) or (project is not None and grants.may_read(project))


def may_change(asker: Asker, job: str, project: str | None) -> bool:
    """Whether `asker` may change a job; `job` and `project` are topics."""
    grants = asker.grants
    return grants.may_publish(job) or (project is not None and grants.may_publish(project))


async def _project_of(job: str, log: EventLog) -> str | None:
    return (await log.snapshots([job]))[job].project
