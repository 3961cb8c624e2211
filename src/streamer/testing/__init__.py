"""For people who test their own actors and handlers: nothing here needs a Redis, or waits.

The fixtures, which pytest finds by itself, are in `integrations.pytest`.

Layout:

- `clock`: a clock that a test holds.
- `recording`: a log in memory that remembers all that was published.
- `asserting`: `assert_published`, and what it says when it was not.
"""

from .asserting import assert_not_published, assert_published
from .clock import FakeClock
from .recording import Published, RecordingLog

__all__ = [
    "FakeClock",
    "Published",
    "RecordingLog",
    "assert_not_published",
    "assert_published",
]
