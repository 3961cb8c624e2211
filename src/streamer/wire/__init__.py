"""Bytes from events and back, one file for each form; pure.

Layout:

- `form`: what a wire form is: how events and control events become one shared buffer.
- `checksum`: the CRC-32 and the length of bytes that come in pieces, of which nobody has all.
- `coding`: what a content coding is here: one compression that many readers share.
- `gzip`, `zstd`: the two there are.
- `windows`: the shared windows of a process: so many at most.
- `feed_window`: the window of one feed's batches, while it has one.
- `waiting`: the form of those who wait for a window: each batch is compressed by itself, once for
  all.
- `coded`: a form in a content coding: compressed once for all who are in step, else for one.
- `envelope`: the state of one body in a content coding: what it has said, and whether it is in a
  window.
- `sse`: server-sent events (WHATWG HTML, section 9.2): frames as bytes.
- `bodies`: the two forms of a dialect whose clients read JSON texts: frames, and lines to be
  framed.
- `websocket`: webSocket (RFC 6455): event bodies as text frames, and commands from a client.
- `deflated`: frames of a WebSocket, compressed (RFC 7692): once for all who are in step, else
  for one.
- `client_frames`: what a WebSocket's client sends, read frame by frame (RFC 6455, section 5;
  RFC 7692).
- `poll`: the answer to a poll: a page of bodies as one JSON object.
- `refusal`: the server's own answer to a request that never reaches the app, as bytes (RFC
  9457).
"""

__all__ = [
    "bodies",
    "checksum",
    "client_frames",
    "coded",
    "coding",
    "deflated",
    "envelope",
    "feed_window",
    "form",
    "gzip",
    "poll",
    "refusal",
    "sse",
    "waiting",
    "websocket",
    "windows",
    "zstd",
]
