"""The kinds of job of this installation: ours, and those of packages beside it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from .chat_answer.chat_answer import CHAT_ANSWER
from .kinds import JobKind
from .recording.recording import RECORDING
from .transcode.transcode import TRANSCODE
from .trim.trim import TRIM

#: Packages offer kinds of their own under this name.
ENTRY_POINTS: Final = "streamer.jobs"


def load_kinds() -> dict[str, JobKind]:
    """Every kind this installation knows, by name."""
    kinds: dict[str, JobKind] = {
        kind.name: kind for kind in (TRANSCODE, TRIM, CHAT_ANSWER, RECORDING)
    }
    for entry_point in entry_points(group=ENTRY_POINTS):
        kind: JobKind = entry_point.load()
        kinds[kind.name] = kind
    return kinds
