"""Spans of OpenTelemetry, for the tests about them alone."""

from __future__ import annotations

from support.spans import spans

__all__ = ["spans"]
