"""Which run of its job a message is: a job is run again when its message is enqueued again.

A worker that dies leaves its message to be delivered again; that is the same run, and
over if its end is in the log. Only enqueueing begins a new one, so each enqueue gives
the message a name for its run, except where Dramatiq itself enqueues a message that it
has: for a retry, and when its delay is over.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from dramatiq import Message, MessageProxy

from .keys import FIRST

#: Message option: the name of the run; `FIRST` for the first one.
RUN_OPTION: Final = "streamer_run"
#: Message option: "queued" was reported by a server, or by an older version.
QUEUED_OPTION: Final = "streamer_queued"
#: Message option: what the broker calls this enqueue, where it has a name for it.
_ENQUEUED_OPTION: Final = "streamer_enqueued"
#: The broker's own.
_REDIS_OPTION: Final = "redis_message_id"
#: Message option: it waits for its time, and will be enqueued once more by Dramatiq.
_DELAYED_OPTION: Final = "streamer_delayed"
#: Message option: Dramatiq's count of retries when the run began.
_RETRIES_OPTION: Final = "streamer_retries"

AnyMessage = Message[Any] | MessageProxy


def run_of(message: AnyMessage) -> str:
    """The run that a delivered message is."""
    options = message.options
    enqueued = options.get(_REDIS_OPTION)
    if RUN_OPTION not in options and QUEUED_OPTION not in options:
        return str(enqueued or FIRST)  # by a process that has no `JobEvents`
    if enqueued is not None and options.get(_ENQUEUED_OPTION, enqueued) != enqueued:
        return str(enqueued)  # again, by such a process
    return str(options.get(RUN_OPTION, FIRST))


def is_marked(message: AnyMessage) -> bool:
    """Whether it was enqueued before."""
    return RUN_OPTION in message.options or QUEUED_OPTION in message.options


def is_moved(message: AnyMessage, delay: int | None) -> bool:
    """Whether its delay is over: Dramatiq enqueues it for those that are due."""
    waits = delay is not None or message.options.get("eta") is not None
    return not waits and _DELAYED_OPTION in message.options


def begin_run(message: AnyMessage, *, first: bool) -> str:
    """Name the run that enqueueing `message` begins."""
    run = FIRST if first else uuid.uuid4().hex[:12]
    message.options[RUN_OPTION] = run
    if retries := message.options.get("retries"):
        message.options[_RETRIES_OPTION] = retries
    return run


def mark_enqueued(message: AnyMessage, delay: int | None) -> None:
    """Remember what `is_moved` and `run_of` ask for, in whatever way it is enqueued."""
    options = message.options
    if delay is not None or options.get("eta") is not None:
        options[_DELAYED_OPTION] = True
    else:
        options.pop(_DELAYED_OPTION, None)
    if _REDIS_OPTION in options:
        options[_ENQUEUED_OPTION] = options[_REDIS_OPTION]


def mark_moved(message: AnyMessage) -> None:
    """Have the next enqueue begin no run: it is the one that was reported as queued."""
    message.options[_DELAYED_OPTION] = True


def mark_delivered(message: AnyMessage, run: str) -> None:
    """Have the retries of this delivery be of the same run."""
    message.options[RUN_OPTION] = run
    message.options.pop(_DELAYED_OPTION, None)


def retries_of(message: AnyMessage) -> int:
    """Times that Dramatiq has retried this run."""
    retries = int(message.options.get("retries", 0))
    return max(0, retries - int(message.options.get(_RETRIES_OPTION, 0)))
