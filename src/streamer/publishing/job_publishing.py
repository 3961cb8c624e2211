"""The typed job events as methods, for everything that can publish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

Answer_co = TypeVar("Answer_co", covariant=True)


class JobPublishing(ABC, Generic[Answer_co]):
    """Turns ``progress``, ``status``, ``error`` and ``completed`` into `publish`.

    `Answer_co` is what `publish` returns: a coroutine of the id, or None at once.
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
        task_name: str | None = None,
        message: str | None = None,
        status: str = "in_progress",
        metadata: Mapping[str, Any] | None = None,
        attempt: int | None = None,
        run: str | None = None,
        parent_id: str | None = None,
        idempotency_key: str | None = None,
        unless: Iterable[str] = (),
    ) -> Answer_co:
        """Tell how far a task is: `progress` from 0.0 to 1.0."""
        fields = {
            "task_name": task_name,
            "progress": progress,
            "status": status,
            "message": message,
            "metadata": dict(metadata or {}),
            "attempt": attempt,
            "run": run,
            "parent_id": parent_id,
        }
        return self.publish(
            topics, "progress", _told(fields), idempotency_key=idempotency_key, unless=unless
        )

    def status(
        self,
        topics: str | Iterable[str],
        status: str,
        *,
        task_name: str | None = None,
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        attempt: int | None = None,
        run: str | None = None,
        parent_id: str | None = None,
        idempotency_key: str | None = None,
        unless: Iterable[str] = (),
    ) -> Answer_co:
        """Tell a change of a job's state; ``cancelled`` ends the job."""
        fields = {
            "task_name": task_name,
            "status": status,
            "message": message,
            "metadata": dict(metadata or {}),
            "attempt": attempt,
            "run": run,
            "parent_id": parent_id,
        }
        return self.publish(
            topics, "status", _told(fields), idempotency_key=idempotency_key, unless=unless
        )

    def error(
        self,
        topics: str | Iterable[str],
        error: str,
        *,
        task_name: str | None = None,
        details: object = None,
        attempt: int | None = None,
        run: str | None = None,
        parent_id: str | None = None,
        idempotency_key: str | None = None,
        unless: Iterable[str] = (),
    ) -> Answer_co:
        """Tell the last failure of a job; it ends the job."""
        fields = {
            "task_name": task_name,
            "error": error,
            "details": details,
            "attempt": attempt,
            "run": run,
            "parent_id": parent_id,
        }
        return self.publish(
            topics, "error", _told(fields), idempotency_key=idempotency_key, unless=unless
        )

    def completed(
        self,
        topics: str | Iterable[str],
        result: object = None,
        *,
        task_name: str | None = None,
        result_omitted: str | None = None,
        attempt: int | None = None,
        run: str | None = None,
        parent_id: str | None = None,
        idempotency_key: str | None = None,
        unless: Iterable[str] = (),
    ) -> Answer_co:
        """Tell that a job went well; `result` is anything JSON can say.

        `result_omitted` says why there is a result and `result` is not it.
        """
        fields = _told(
            {
                "task_name": task_name,
                "result_omitted": result_omitted,
                "attempt": attempt,
                "run": run,
                "parent_id": parent_id,
            }
        ) | {"result": result}
        return self.publish(
            topics, "completed", fields, idempotency_key=idempotency_key, unless=unless
        )


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
