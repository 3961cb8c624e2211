"""Streams over HTTP: server-sent events and WebSocket, on our server and on any.

Layout:

- `sse`: streams as server-sent events.
- `sse_forms`: the wire forms of streams of server-sent events: as they are, and in content codings.
- `deflated_forms`: the wire forms of streams over WebSocket, compressed: of each plain one there
  is one.
- `shared_windows`: the shared windows of this process: of all its streams, over whichever
  transport.
- `told_answers`: an answer of a conversation, followed from where it is found to its end.
- `websocket`: streams over WebSocket, at the same URLs.
- `chats`: conversations as streams: whoever reads one is there.
- `commands`: what the client of a WebSocket says, and what is done about it.
- `followed`: events of topics as values, for a stream that says them in words of its own.
- `alike`: what is read once for all requests that ask alike.
- `prompt_streams`: streams that are opened without a task: of topics that somebody reads here
  already.
- `prompt_sockets`: the same over WebSocket.
- `portable`: a writer over any ASGI server: buffers wait here until `send` takes them.
"""

__all__ = [
    "alike",
    "chats",
    "commands",
    "deflated_forms",
    "followed",
    "portable",
    "prompt_sockets",
    "prompt_streams",
    "shared_windows",
    "sse",
    "sse_forms",
    "told_answers",
    "websocket",
]
