"""``streamer serve`` or ``worker`` that forgets in minutes what it keeps for days or a month.

A soak sees it go, then. Its server gives up and probes soon, as in tests of faults.
"""

from __future__ import annotations

import runpy
import sys
from typing import Final

from streamer.eventlog import lifetimes

#: Milliseconds in place of a day, an hour and a month.
SOON: Final = 120_000

# Before anything else is imported that takes them over.
for name in ("IDEMPOTENCY_TTL", "BATCH_TTL", "TOMBSTONE_TTL"):
    assert isinstance(getattr(lifetimes, name), int)
    setattr(lifetimes, name, SOON)

if __name__ == "__main__":
    is_server = sys.argv[1:] == ["serve"]
    runpy.run_module("support.quick_server" if is_server else "streamer", run_name="__main__")
