"""The contenders, by name."""

from __future__ import annotations

from .bare import Bare
from .base import Face, Launch, Place, Server
from .behind_nginx import BehindNginx
from .nchan import Nchan
from .queue_per_reader import QueuePerReader
from .socketio import SocketIO
from .streamer import Streamer
from .tokens import different, inbox, same

__all__ = ["SERVERS", "Face", "Launch", "Place", "Server"]

_ALL: tuple[Server, ...] = (
    Streamer(),
    Streamer(name="streamer-portable", title="Streamer, portable path", portable=True),
    Streamer(name="streamer-writes", title="Streamer, without io_uring", io_uring=False),
    Streamer(name="streamer-tokens", title="Streamer, 1,000 tokens of equal grants", tokens=same),
    Streamer(
        name="streamer-grants", title="Streamer, 1,000 tokens of different grants", tokens=different
    ),
    Streamer(name="streamer-inboxes", title="Streamer, 10,000 tokens", tokens=inbox),
    Streamer(name="streamer-framework", title="Streamer, by the framework alone", framework=True),
    Streamer(name="streamer-before", title="Streamer, as of 277bfc0", commit="277bfc0"),
    Streamer(name="streamer-2-workers", title="Streamer, --workers 2", cores=2),
    Streamer(name="streamer-gzip", title="Streamer, gzip", coding="gzip"),
    Streamer(name="streamer-zstd", title="Streamer, zstd", coding="zstd"),
    Streamer(name="streamer-websocket", title="Streamer, WebSocket"),
    Streamer(
        name="streamer-deflate",
        title="Streamer, permessage-deflate",
        coding="permessage-deflate",
    ),
    BehindNginx(),
    BehindNginx(
        name="nginx-gzip",
        title="nginx's gzip before Streamer",
        # The least that is as small as ours: 57 bytes of 387, where those below are 60.
        gzip_level=4,
    ),
    Nchan(),
    Nchan(name="nchan-nagle", title="nginx + Nchan, Nagle on", nagle=True),
    Nchan(name="nchan-redis", title="nginx + Nchan over Redis", needs_redis=True),
    QueuePerReader(),
    QueuePerReader(
        name="queue-per-reader-gzip",
        title="sse-starlette, gzip per reader",
        coding="gzip",
    ),
    QueuePerReader(
        name="queue-per-reader-deflate",
        title="uvicorn, deflate per reader",
        coding="permessage-deflate",
    ),
    SocketIO(),
    Bare(),
)

SERVERS: dict[str, Server] = {server.name: server for server in _ALL}
