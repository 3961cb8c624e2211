"""The kinds of job of this installation: ours, and those of packages beside it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from .kinds import JobKind
from .transcode.transcode import TRANSCODE

#: Packages offer kinds of their own under this name.
ENTRY_POINTS: Final = "streamer.jobs"


def load_kinds() -> dict[str, JobKind]:
    """Every kind this installation knows, by name."""
    kinds: dict[str, JobKind] = {TRANSCODE.name: TRANSCODE}
    for entry_point in entry_points(group=ENTRY_POINTS):
        kind: JobKind = entry_point.load()
        kinds[kind.name] = kind
    return kinds
