"""What of OpenTelemetry this process has set up, if anything: its API is never imported here.

Whoever sets it up has imported it: the program that we are in, or ``opentelemetry-instrument``.
So nobody who does not use it pays for its import, and nothing depends on it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..events.trace import Trace
from ..version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

_MODULE = "opentelemetry.trace"
#: The tracer of the provider that was last seen: making one takes longer than a span.
_tracer: tuple[TracerProvider, Tracer] | None = None


def configured() -> Any | None:  # noqa: ANN401 - a module
    """The module ``opentelemetry.trace``, if somebody has set a provider of spans; else None."""
    api = sys.modules.get(_MODULE)
    # Its own name for what `set_tracer_provider` has set. `get_tracer_provider` looks at the
    # environment each time, for longer than all else of a publish that makes no span.
    return api if getattr(api, "_TRACER_PROVIDER", None) is not None else None


def tracer_of(api: Any) -> Tracer:  # noqa: ANN401 - the module
    """Who makes our spans."""
    global _tracer  # noqa: PLW0603 - of a process, as the provider is
    provider = api.get_tracer_provider()
    known = _tracer
    if known is None or known[0] is not provider:
        known = _tracer = (provider, api.get_tracer("streamer", __version__))
    return known[1]


def trace_of(span: Span) -> Trace | None:
    """Where a span is; None of one that is none."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return Trace(parent, context.trace_state.to_header() if context.trace_state else "")


def context_of(api: Any, trace: Trace) -> Context:  # noqa: ANN401 - the module
    """`trace` as the parent of a span, and as what one links to."""
    return api.set_span_in_context(api.NonRecordingSpan(span_context(api, trace)))  # type: ignore[no-any-return]


def span_context(api: Any, trace: Trace) -> Any:  # noqa: ANN401 - the module
    """`trace` in OpenTelemetry's words."""
    return api.SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(trace.span_id, 16),
        is_remote=True,
        trace_flags=api.TraceFlags(int(trace.parent[53:55], 16)),
        trace_state=api.TraceState.from_header([trace.state]) if trace.state else None,
    )
