"""Spans of what is published, appended and run, as the conventions of messaging have them.

Names and attributes are those of OpenTelemetry's semantic conventions for messaging. A topic
says whose it is, so spans are named for its first segment alone, as ``publish projects/*``;
the whole topic is an attribute. Where no provider is set up nothing is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from ..events.trace import Trace
from .doing import DOING
from .opentelemetry import configured, context_of, span_context, trace_of, tracer_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span

#: What `messaging.system` is of topics, and of a queue of Dramatiq's.
STREAMER: Final = "streamer"
DRAMATIQ: Final = "dramatiq"
#: Traces that the span of an append names; a batch may have events of more.
_MAX_LINKS: Final = 64


class Publishing:
    """Stands around one publish: with a span if spans are made, else with the trace at hand.

    Attributes:
        trace: what the event carries.
    """

    __slots__ = ("_span", "_using", "trace")

    def __init__(self, trace: Trace | None, span: Span | None = None, using: Any = None) -> None:  # noqa: ANN401
        self.trace: Final = trace
        self._span: Final = span
        self._using: Final = using

    def __enter__(self) -> Self:
        if self._using is not None:
            self._using.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._using is not None:
            self._using.__exit__(kind, error, traceback)

    def took(self, id_: object) -> None:
        """The log gave the event this id; None to an ephemeral one."""
        if self._span is not None and id_ is not None:
            self._span.set_attribute("messaging.message.id", str(id_))


def publishing(topics: Sequence[str], event_type: str, *, is_traced: bool) -> Publishing:
    """Begin to publish to `topics`; an event that `is_traced` brings its trace with it."""
    api = None if is_traced else configured()
    if api is None:
        return Publishing(DOING.get().trace)
    first = topics[0] if topics else ""
    span = _start(
        api,
        f"publish {_template(first)}",
        api.SpanKind.PRODUCER,
        {
            "messaging.system": STREAMER,
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": str(first),
            "messaging.destination.template": _template(first),
            "streamer.event.type": str(event_type),
        },
        DOING.get().trace,
    )
    return Publishing(trace_of(span), span, api.use_span(span, end_on_exit=True))


def appending(traces: Sequence[Trace | None]) -> Publishing:
    """Begin to append events of these traces, in one batch; nothing of those that have none."""
    api = configured()
    if api is None:
        return _NO_SPAN
    found = [trace for trace in dict.fromkeys(traces) if trace is not None]
    if not found:
        return _NO_SPAN
    parent, *others = found
    span = tracer_of(api).start_span(
        "append",
        context_of(api, parent),
        api.SpanKind.CLIENT,
        {
            "messaging.system": STREAMER,
            "messaging.operation.name": "append",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": len(traces),
        },
        [api.Link(span_context(api, other)) for other in others[:_MAX_LINKS]],
    )
    return Publishing(parent, span, api.use_span(span, end_on_exit=True))


_NO_SPAN: Final = Publishing(None)


class Work:
    """The span of one attempt of a job; none where spans are not made.

    Attributes:
        trace: what its events carry.
    """

    __slots__ = ("_entered", "_span", "_was", "trace")

    def __init__(self, trace: Trace | None, span: Span | None = None) -> None:
        self.trace: Final = trace
        self._span: Final = span
        self._entered: Any = None
        self._was = DOING.get()

    def enter(self, job_id: str) -> None:
        """What this thread or coroutine does from here on is the job's."""
        self._was = DOING.get()
        DOING.set(self._was._replace(job=job_id, trace=self.trace))
        api = None if self._span is None else configured()
        if api is not None:
            self._entered = api.use_span(self._span, record_exception=False)
            self._entered.__enter__()

    def leave(self) -> None:
        """It is the job's no longer."""
        DOING.set(self._was)
        if self._entered is not None:
            self._entered.__exit__(None, None, None)
            self._entered = None

    def fail(self, error: BaseException) -> None:
        """The attempt came to `error`."""
        api = None if self._span is None else configured()
        if api is not None and self._span is not None:
            self._span.record_exception(error)
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(api.Status(api.StatusCode.ERROR, str(error)))

    def end(self) -> None:
        """The attempt is over; may be repeated."""
        if self._span is not None and self._span.is_recording():
            self._span.end()


class Run(Protocol):
    """What of a run of a job its span says: `jobs.lifecycle.Run`."""

    @property
    def task_name(self) -> str | None:
        """What runs."""

    @property
    def job_id(self) -> str:
        """The job's id."""

    @property
    def trace(self) -> Trace | None:
        """What came with it."""


def working(system: str, queue: str | None, run: Run, attempt: int) -> Work:
    """Begin an attempt of a job, which a messaging `system` has brought; by itself without a queue.

    Where another instrumentation has made a span for its message, there is no second one.
    """
    api = configured()
    if api is None:
        return Work(run.trace)
    if queue is None:
        name, kind = run.task_name or "job", api.SpanKind.INTERNAL
        attributes = _of_job(run)
    elif (theirs := trace_of(api.get_current_span())) is not None:
        return Work(theirs)
    else:
        name, kind = f"process {queue}", api.SpanKind.CONSUMER
        attributes = _of_message("process", "process", system, queue, run)
    attributes["streamer.job.attempt"] = attempt
    span = _start(api, name, kind, attributes, run.trace)
    return Work(trace_of(span), span)


def queueing(queue: str, run: Run) -> Publishing:
    """Begin to put a job into a queue of Dramatiq's; what is made has the trace of its message."""
    api = configured()
    if api is None:
        return Publishing(DOING.get().trace)
    attributes = _of_message("publish", "send", DRAMATIQ, queue, run)
    span = _start(api, f"publish {queue}", api.SpanKind.PRODUCER, attributes, DOING.get().trace)
    return Publishing(trace_of(span), span, api.use_span(span, end_on_exit=True))


def _of_message(name: str, kind: str, system: str, queue: str, run: Run) -> dict[str, Any]:
    return {
        "messaging.system": system,
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": queue,
        "messaging.message.id": run.job_id,
        **_of_job(run),
    }


def _of_job(run: Run) -> dict[str, Any]:
    return {"streamer.job.id": run.job_id, "streamer.job.task_name": run.task_name or ""}


def _start(
    api: Any,  # noqa: ANN401 - the module
    name: str,
    kind: Any,  # noqa: ANN401 - one of its
    attributes: dict[str, Any],
    trace: Trace | None,
) -> Span:
    """A span below the current one; where there is none, below `trace`."""
    context = None
    if trace is not None and not api.get_current_span().get_span_context().is_valid:
        context = context_of(api, trace)
    return tracer_of(api).start_span(name, context, kind, attributes)


def _template(topic: str) -> str:
    first, slash, _ = str(topic).partition("/")
    return f"{first}/*" if slash else first
