"""The typed job events as methods, for everything that can publish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypedDict, TypeVar, Unpack

Answer_co = TypeVar("Answer_co", covariant=True)


class JobOptions(TypedDict, total=False):
    """What every job event may be published with.

    Attributes:
        task_name: what it is that runs; its last event is in the snapshot.
        attempt: how many times it was started, counted from 1.
        run: which run of the job it is; the first one has no name.
        parent_id: the id of the job that this one is a part of.
        idempotency_key: as in `JobPublishing.publish`.
        unless: as in `JobPublishing.publish`.
    """

    task_name: str | None
    attempt: int | None
    run: str | None
    parent_id: str | None
    idempotency_key: str | None
    unless: Iterable[str]


class JobPublishing(ABC, Generic[Answer_co]):
    """Turns ``progress``, ``status``, ``error`` and ``completed`` into `publish`.

    `Answer_co` is what `publish` returns: a coroutine of the id, or None at once.
    Each takes what `JobOptions` lists, by keyword.
    """

    @abstractmethod
    def publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        ephemeral: bool = False,
        unless: Iterable[str] = (),
    ) -> Answer_co:
        """Publish an event of any type."""

    def progress(
        self,
        topics: str | Iterable[str],
        progress: float,
        *,
        message: str | None = None,
        status: str = "in_progress",
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[JobOptions],
    ) -> Answer_co:
        """Report how far a task is: `progress` from 0.0 to 1.0."""
        own = {
            "progress": progress,
            "status": status,
            "message": message,
            "metadata": dict(metadata or {}),
        }
        return self._publish(topics, "progress", own, **options)

    def status(
        self,
        topics: str | Iterable[str],
        status: str,
        *,
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[JobOptions],
    ) -> Answer_co:
        """Report a change of a job's state; ``cancelled`` ends the job."""
        own = {"status": status, "message": message, "metadata": dict(metadata or {})}
        return self._publish(topics, "status", own, **options)

    def error(
        self,
        topics: str | Iterable[str],
        error: str,
        *,
        details: object = None,
        **options: Unpack[JobOptions],
    ) -> Answer_co:
        """Report the last failure of a job; it ends the job."""
        return self._publish(topics, "error", {"error": error, "details": details}, **options)

    def completed(
        self,
        topics: str | Iterable[str],
        result: object = None,
        *,
        result_omitted: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Answer_co:
        """Report that a job succeeded; `result` is anything JSON can express.

        `result_omitted` says why there is a result and `result` is not it.
        """
        own = {"result_omitted": result_omitted, "result": result}
        return self._publish(topics, "completed", own, **options)

    def _publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        own: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        unless: Iterable[str] = (),
        task_name: str | None = None,
        attempt: int | None = None,
        run: str | None = None,
        parent_id: str | None = None,
    ) -> Answer_co:
        fields = job_fields(own, task_name=task_name, attempt=attempt, run=run, parent_id=parent_id)
        return self.publish(
            topics, event_type, fields, idempotency_key=idempotency_key, unless=unless
        )


def job_fields(
    own: Mapping[str, Any],
    *,
    task_name: str | None = None,
    attempt: int | None = None,
    run: str | None = None,
    parent_id: str | None = None,
) -> dict[str, Any]:
    """The fields of a job event, in the order in which they stand in its body.

    `own` are those of its type. What is None is left out, but for a result: that of a
    job that returns nothing is null.
    """
    given = {
        "task_name": task_name,
        **{name: value for name, value in own.items() if name != "result"},
        "attempt": attempt,
        "run": run,
        "parent_id": parent_id,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    if "result" in own:
        fields["result"] = own["result"]
    return fields
