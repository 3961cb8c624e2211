"""Streams over HTTP: server-sent events and WebSocket, on our server and on any.

Layout:

- `sse`: streams as server-sent events.
- `websocket`: streams over WebSocket, at the same URLs.
- `commands`: what the client of a WebSocket says, and what is done about it.
- `portable`: a writer over any ASGI server: buffers wait here until `send` takes them.
"""

__all__ = ["commands", "portable", "sse", "websocket"]
