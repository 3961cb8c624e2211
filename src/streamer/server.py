"""One server process: uvicorn around the app, stopping in order."""

from __future__ import annotations

import logging
import math
import signal
from collections.abc import Sequence
from socket import socket
from typing import Any, Final

import uvicorn

from .app import create_app
from .settings import Settings

#: Seconds beyond the drain after which what is left is cancelled: without a
#: limit an open stream would hold SIGTERM for ever.
_MARGIN: Final = 2

_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "root": {"handlers": ["stderr"]},
}


def serve(settings: Settings, *, sockets: Sequence[socket] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, on `sockets` or where `settings` say."""
    level = settings.log_level.upper()
    debugging = logging.getLevelNamesMapping()[level] <= logging.DEBUG
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # A frame that is shared by all readers cannot be compressed for each.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds) + _MARGIN,
        access_log=debugging,
        server_header=False,
        log_config=_LOGGING
        | {"root": {"handlers": ["stderr"], "level": level}}
        # uvicorn tells of its start and end; whoever started us does that better.
        | {"loggers": {"uvicorn": {"level": level if debugging else "WARNING"}}},
    )
    # uvicorn raises the signal again when it is done, so that the exit code would
    # say "killed": an end in order is 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    uvicorn.Server(config).run(sockets=list(sockets) if sockets is not None else None)
