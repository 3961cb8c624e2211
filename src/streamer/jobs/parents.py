"""Which job a message is a part of: what runs while it is enqueued, or a group or pipeline.

A group is known by its completion callbacks alone: without them its messages are
enqueued one by one, like any others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dramatiq import Message, MessageProxy

#: Message option: the id of the job that it is a part of. It travels with the message,
#: and with those that a pipeline enqueues after it.
PARENT_OPTION: Final = "streamer_parent"
#: Stages of a pipeline that are looked at: each is inside the options of the one before.
_MAX_STAGES: Final = 1000
#: Dramatiq's own.
_NEXT_STAGE: Final = "pipe_target"
_GROUP: Final = "group_completion_uuid"
_CALLBACKS: Final = "group_completion_callbacks"

AnyMessage = Message[Any] | MessageProxy


def parent_of(message: AnyMessage) -> str | None:
    """The id of the job that `message` was marked as a part of."""
    parent = message.options.get(PARENT_OPTION)
    return parent if isinstance(parent, str) and parent else None


def mark_parent(message: AnyMessage, running: str | None, delivery: AnyMessage | None) -> None:
    """Find what `message`, which is about to be enqueued first, is a part of.

    That is the job `running` in this thread or task, if an actor enqueues it and not
    Dramatiq on the way from `delivery` to what follows it; else its group; else the
    pipeline that it begins. All stages of a pipeline are parts of the same.
    """
    options = [message.options, *_later_stages(message.options)]
    if PARENT_OPTION in message.options:
        return
    job_id = str(message.message_id)
    parent = None
    if delivery is None or not _follows(job_id, delivery.options):
        parent = running if running != job_id else None
        parent = parent or next((str(each[_GROUP]) for each in options if each.get(_GROUP)), None)
        if parent is None and len(options) > 1:
            parent = f"pipeline-{job_id}"
    if parent is not None:
        for each in options:
            each[PARENT_OPTION] = parent


def _later_stages(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for _ in range(_MAX_STAGES):
        stage = options.get(_NEXT_STAGE)
        if not isinstance(stage, dict) or not isinstance(stage.get("options"), dict):
            return
        options = stage["options"]
        yield stage["options"]


def _follows(job_id: str, options: Mapping[str, Any]) -> bool:
    """Whether Dramatiq enqueues a message because another one, with `options`, is done."""
    following = [options.get(_NEXT_STAGE), *(options.get(_CALLBACKS) or ())]
    return any(isinstance(each, dict) and each.get("message_id") == job_id for each in following)
