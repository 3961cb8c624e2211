"""Streamer within another application, which runs no lifespan of it.

Arguments: the outer framework, and whether the server offers the fast path.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.server.http1 import FastHttp
from streamer.server.websocket import FastWebSocket


def outer(framework: str) -> Any:  # noqa: ANN401 - an ASGI app
    """An app of `framework` with Streamer at ``/live``."""
    inner: Any = create_app(Settings.from_env())
    if framework == "starlette":
        return Starlette(routes=[Mount("/live", app=inner)])
    mounted = asgi("/live", is_mount=True, copy_scope=True)(inner)
    return Litestar(route_handlers=[mounted], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    app, port = outer(sys.argv[1]), int(os.environ["STREAMER_PORT"])
    if sys.argv[2] == "fast":
        uvicorn.run(app, port=port, http=FastHttp, ws=FastWebSocket, log_level="warning")
    else:
        uvicorn.run(app, port=port, log_level="warning")
