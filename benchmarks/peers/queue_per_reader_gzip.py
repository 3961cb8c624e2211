"""A queue per reader, and a compressor: what a middleware for streams does.

Starlette's own leaves `text/event-stream` out, for it does not flush: events would stay in it.
"""

from __future__ import annotations

import zlib

from queue_per_reader import app as plain
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: With gzip's head and trailer.
_GZIP = 16 + zlib.MAX_WBITS
#: The least that is as small as Streamer's shared one; see `nginx-gzip`.
_LEVEL = 4


class Gzip:
    """Compress every stream, flushed for each event."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/sse/"):
            await self._app(scope, receive, send)
            return
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

        async def coded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["Content-Encoding"] = "gzip"
            elif message["type"] == "http.response.body":
                body = compressor.compress(message["body"])
                is_last = not message.get("more_body", False)
                body += compressor.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)
                message = {**message, "body": body}
            await send(message)

        await self._app(scope, receive, coded)


app = Gzip(plain)
