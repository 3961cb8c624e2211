"""Spans that a test's own provider of OpenTelemetry has recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """A provider, and the spans that it was given, in the order in which they ended."""

    def __init__(self) -> None:
        self._exporter: Final = InMemorySpanExporter()
        self.provider: Final = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """The only one of that name."""
        (found,) = [span for span in self.ended if span.name == name]
        return found


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Spans are recorded, and nowhere else than in this test."""
    recorded = Spans()
    # The API lets nobody set it twice in a process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorded.provider)
    yield recorded
    recorded.provider.shutdown()


def parent_of(span: ReadableSpan) -> str:
    """``<trace>-<span>`` of the span above it; empty for none."""
    above = span.parent
    return "" if above is None else f"{above.trace_id:032x}-{above.span_id:016x}"


def place_of(span: ReadableSpan) -> str:
    """``<trace>-<span>`` of it."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}-{context.span_id:016x}"
