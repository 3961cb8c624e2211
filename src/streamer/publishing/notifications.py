"""What a platform tells its users, its admins and everybody, by any publisher."""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, TypeVar

from ..errors import InvalidFields
from ..events.topic import ADMINS, EVERYBODY, user_topic
from .job_publishing import JobPublishing

Answer = TypeVar("Answer")

#: How grave a message of the system is.
Level = Literal["info", "success", "warning", "error"]
LEVELS: Final = ("info", "success", "warning", "error")


class Notifications(Generic[Answer]):
    """Notifies users, from a web handler or a worker.

    Each method returns what the publisher's own `publish` does: a coroutine of the event's
    id, or None at once. What is wrong with a topic or a field raises what `publish` raises.

    Args:
        publisher: a `Publisher`, a `SyncPublisher`, or anything else that can publish.
    """

    def __init__(self, publisher: JobPublishing[Answer]) -> None:
        self._publisher: Final = publisher

    def notify(self, user: str, event_type: str, /, **fields: Any) -> Answer:  # noqa: ANN401
        """Notify one user; `event_type` is any type, `fields` what it says."""
        return self._publisher.publish(user_topic(user), event_type, fields)

    def transcode_progress(
        self,
        video_id: str,
        status: str,
        progress: float,
        message: str = "",
        *,
        user: str | None = None,
    ) -> Answer:
        """Report to admins, and to `user`, how far a transcode is: `progress` from 0 to 100.

        It does not count as unread.

        Raises:
            InvalidFields: `progress` is no number from 0 to 100.
        """
        if not 0 <= progress <= 100:  # noqa: PLR2004 - a NaN is refused too
            raise InvalidFields(f"progress is {progress!r}; it must be 0 to 100, in percent")
        fields = {"video_id": video_id, "status": status, "progress": progress, "message": message}
        return self._publish(user, "transcode_progress", fields)

    def transcode_complete(
        self,
        video_id: str,
        title: str,
        format_type: str,
        file_size: int,
        *,
        user: str | None = None,
    ) -> Answer:
        """Report to admins, and to `user`, that a video is there; `file_size` is in bytes."""
        fields = {
            "video_id": video_id,
            "title": title,
            "format_type": format_type,
            "file_size": file_size,
        }
        return self._publish(user, "transcode_complete", fields)

    def transcode_failed(
        self, video_id: str, title: str, error: str, *, user: str | None = None
    ) -> Answer:
        """Report to admins, and to `user`, that a transcode failed."""
        fields = {"video_id": video_id, "title": title, "error": error}
        return self._publish(user, "transcode_failed", fields)

    def system_message(self, message: str, level: Level = "info", target: str = "all") -> Answer:
        """Tell something to everybody (``all``), to admins (``admin``), or to one user by name.

        Raises:
            InvalidFields: `level` is none of ``info``, ``success``, ``warning``, ``error``.
        """
        if level not in LEVELS:
            raise InvalidFields(f"level is {level!r}; it must be one of: {', '.join(LEVELS)}")
        topic = {"all": EVERYBODY, "admin": ADMINS}.get(target) or user_topic(target)
        return self._publisher.publish(
            topic, "system_message", {"message": message, "level": level}
        )

    def _publish(self, user: str | None, event_type: str, fields: dict[str, Any]) -> Answer:
        topics = (ADMINS,) if user is None else (user_topic(user), ADMINS)
        return self._publisher.publish(topics, event_type, fields)
