"""Streamer: publish from a worker, watch from anywhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from .version import __version__

if TYPE_CHECKING:
    from .access.authorize import Authorize
    from .app import create_app
    from .client.open_stream import follow, follow_async
    from .client.topic_reading import reading, reading_async
    from .config.settings import Settings
    from .eventlog.memory.log import MemoryEventLog
    from .eventlog.redis.log import RedisEventLog
    from .integrations.django import django_user
    from .integrations.litestar import StreamerPlugin
    from .integrations.rq import RQWorker
    from .jobs.answer import answer
    from .jobs.conversation import conversation
    from .jobs.current import progress, track
    from .jobs.install import install
    from .jobs.job import Job, job
    from .jobs.job_kind import job_kind
    from .jobs.kinds import JobKind
    from .jobs.log_handler import LogHandler
    from .jobs.progress import Progress
    from .jobs.stops import JobCancelled
    from .jobs.task import Task
    from .jobs.tqdm_bars import patch_tqdm
    from .mounted.app import StreamerApp
    from .publishing.answer import Answer
    from .publishing.notifications import Notifications
    from .publishing.publisher import Publisher
    from .publishing.sync_publisher import SyncPublisher
    from .server.http1 import FastHttp
    from .server.websocket import FastWebSocket
    from .sql.relay import relay
    from .sql.session_publisher import SessionPublisher
    from .sql.table import outbox_metadata

__all__ = [
    "Answer",
    "Authorize",
    "FastHttp",
    "FastWebSocket",
    "Job",
    "JobCancelled",
    "JobKind",
    "LogHandler",
    "MemoryEventLog",
    "Notifications",
    "Progress",
    "Publisher",
    "RQWorker",
    "RedisEventLog",
    "SessionPublisher",
    "Settings",
    "StreamerApp",
    "StreamerPlugin",
    "SyncPublisher",
    "Task",
    "__version__",
    "answer",
    "conversation",
    "create_app",
    "django_user",
    "follow",
    "follow_async",
    "install",
    "job",
    "job_kind",
    "outbox_metadata",
    "patch_tqdm",
    "progress",
    "reading",
    "reading_async",
    "relay",
    "track",
]

#: Where each name lives: imported when first used, so that `import streamer`
#: costs a worker neither a web framework nor a broker that it does not use.
_HOMES: Final = {
    "Answer": ".publishing.answer",
    "Authorize": ".access.authorize",
    "FastHttp": ".server.http1",
    "FastWebSocket": ".server.websocket",
    "Job": ".jobs.job",
    "JobCancelled": ".jobs.stops",
    "JobKind": ".jobs.kinds",
    "LogHandler": ".jobs.log_handler",
    "MemoryEventLog": ".eventlog.memory",
    "Notifications": ".publishing.notifications",
    "Progress": ".jobs.progress",
    "Publisher": ".publishing.publisher",
    "RQWorker": ".integrations.rq",
    "RedisEventLog": ".eventlog.redis",
    "SessionPublisher": ".sql.session_publisher",
    "Settings": ".config.settings",
    "StreamerApp": ".mounted.app",
    "StreamerPlugin": ".integrations.litestar",
    "SyncPublisher": ".publishing.sync_publisher",
    "Task": ".jobs.task",
    "answer": ".jobs.answer",
    "conversation": ".jobs.conversation",
    "create_app": ".app",
    "django_user": ".integrations.django",
    "follow": ".client",
    "follow_async": ".client",
    "install": ".jobs.install",
    "job": ".jobs.job",
    "job_kind": ".jobs.job_kind",
    "outbox_metadata": ".sql.table",
    "patch_tqdm": ".jobs.tqdm_bars",
    "progress": ".jobs.current",
    "reading": ".client.topic_reading",
    "reading_async": ".client.topic_reading",
    "relay": ".sql.relay",
    "track": ".jobs.current",
}

if not TYPE_CHECKING:  # a checker would take any name for one of these

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
        return value
