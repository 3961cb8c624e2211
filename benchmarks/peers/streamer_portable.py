"""Streamer on a server that knows nothing of it: uvicorn's own protocols, no fast path."""

from __future__ import annotations

import uvicorn

from streamer.app import create_app
from streamer.config.settings import Settings

settings = Settings.from_env()
uvicorn.run(
    create_app(settings),
    host=settings.host,
    port=settings.port,
    loop="uvloop",
    http="httptools",
    ws="websockets-sansio",
    ws_per_message_deflate=False,
    backlog=4096,
    access_log=False,
    log_level="warning",
    timeout_graceful_shutdown=2,
)
