"""The trace that a Dramatiq message hands to the worker that runs it."""

from __future__ import annotations

from typing import Any

from dramatiq import Message, MessageProxy

from ..events.trace import PARENT, STATE, Trace, trace_in

AnyMessage = Message[Any] | MessageProxy


def trace_of(message: AnyMessage) -> Trace | None:
    """What `mark_trace` has marked, or anybody else who names it as W3C Trace Context does."""
    return trace_in(message.options)


def mark_trace(message: AnyMessage, trace: Trace | None) -> None:
    """Have the message carry `trace`, and no other."""
    for name in (PARENT, STATE):
        message.options.pop(name, None)
    if trace is not None:
        message.options.update(trace.to_fields())
