"""What is being done here, and for whom: in traces, and in the lines of the log.

Layout:

- `doing`: which request or job this thread or coroutine works for.
- `opentelemetry`: what of OpenTelemetry this process has set up, if anything.
- `spans`: spans of what is published, appended and run, as the conventions of messaging have
  them.
"""

__all__ = ["doing", "opentelemetry", "spans"]
