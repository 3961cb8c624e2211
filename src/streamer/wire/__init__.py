"""Bytes from events and back, one file for each form; pure.

Layout:

- `form`: what a wire form is: how events and control events become one shared buffer.
- `sse`: server-sent events (WHATWG HTML, section 9.2): frames as bytes.
- `bodies`: the two forms of a dialect whose clients read JSON texts: frames, and lines to be
  framed.
- `websocket`: webSocket (RFC 6455): event bodies as text frames, and commands from a client.
- `client_frames`: what a WebSocket's client sends, read frame by frame (RFC 6455, section 5;
  RFC 7692).
- `poll`: the answer to a poll: a page of bodies as one JSON object.
- `refusal`: the server's own answer to a request that never reaches the app, as bytes (RFC
  9457).
"""

__all__ = ["bodies", "client_frames", "form", "poll", "refusal", "sse", "websocket"]
