"""Which request or job this thread or coroutine works for."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, NamedTuple

from ..events.trace import Trace
from .opentelemetry import configured, trace_of


class Doing(NamedTuple):
    """What somebody who reads the log, or a trace, wants to know of what is done here.

    Attributes:
        request: the id of the request that asked for it.
        job: the id of the job that it is a part of.
        trace: the trace that came with either.
    """

    request: str = ""
    job: str = ""
    trace: Trace | None = None


NOTHING: Final = Doing()
#: Set where a request comes in, and where a job begins. A task that outlives both must not
#: publish in their name: what it publishes it was given with its own trace.
DOING: Final[ContextVar[Doing]] = ContextVar("streamer_doing", default=NOTHING)


def ids_here() -> dict[str, str]:
    """What a line of the log says of what is done here: only what is known, by name."""
    doing, trace = DOING.get(), current_trace()
    ids = {"request_id": doing.request, "job_id": doing.job}
    if trace is not None:
        ids |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return {name: value for name, value in ids.items() if value}


def current_trace() -> Trace | None:
    """The trace that what is published here belongs to: that of the current span, if any.

    Else that which came with the request or the job.
    """
    return span_at_hand() or DOING.get().trace


def span_at_hand() -> Trace | None:
    """Where the current span of OpenTelemetry is; None where there is none."""
    api = configured()
    return None if api is None else trace_of(api.get_current_span())
