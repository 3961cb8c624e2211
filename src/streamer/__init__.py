"""Streamer: publish from a worker, watch from anywhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .client.open_stream import follow, follow_async
    from .jobs.kinds import JobKind
    from .jobs.progress import JobCancelled, Progress, progress, track
    from .publishing.notifications import Notifications
    from .publishing.publisher import Publisher
    from .publishing.sync_publisher import SyncPublisher

__version__ = "0.1.0"

__all__ = [
    "JobCancelled",
    "JobKind",
    "Notifications",
    "Progress",
    "Publisher",
    "SyncPublisher",
    "follow",
    "follow_async",
    "progress",
    "track",
]

#: Where each name lives: imported when first used, so that `import streamer`
#: costs a worker neither a web framework nor a broker that it does not use.
_HOMES: Final = {
    "JobCancelled": ".jobs.progress",
    "JobKind": ".jobs.kinds",
    "Notifications": ".publishing.notifications",
    "Progress": ".jobs.progress",
    "Publisher": ".publishing.publisher",
    "SyncPublisher": ".publishing.sync_publisher",
    "follow": ".client",
    "follow_async": ".client",
    "progress": ".jobs.progress",
    "track": ".jobs.progress",
}

if not TYPE_CHECKING:  # a checker would take any name for one of these

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
        return value
