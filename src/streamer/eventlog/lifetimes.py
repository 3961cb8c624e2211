"""How long a log remembers all but events, in milliseconds: the same of every log."""

from __future__ import annotations

from typing import Final

#: Milliseconds an idempotency key is remembered: clients retry within a day.
IDEMPOTENCY_TTL: Final = 24 * 3600 * 1000
#: Milliseconds a publisher's last batch is remembered; it retries within minutes.
BATCH_TTL: Final = 3600 * 1000
#: Milliseconds that a topic's meta outlives it, so that a reader who comes back
#: after a month still receives the gap.
TOMBSTONE_TTL: Final = 30 * 24 * 3600 * 1000
#: Milliseconds that a topic with a job that is not over is kept longer than one at
#: rest, counted from its last event: over a week's end, and a holiday.
SILENT_TTL: Final = 7 * 24 * 3600 * 1000
