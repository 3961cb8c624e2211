"""What `streamer check` found: one sentence that names it, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """What a probe found; `good` is None for what works less well, False for what stops people."""

    what: str
    found: str
    good: bool | None = True
