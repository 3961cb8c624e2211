"""uvicorn's protocols, made fast and bounded, and the one process they serve in.

Layout:

- `server`: one server process: uvicorn around the app, stopping in order.
- `application`: an application of somebody else's, named as on uvicorn's command line.
- `certificate`: the certificate that a server proves who it is with, read again when its files
  change.
- `tls_door`: a connection that is to speak TLS: until it does, it waits, and is counted and
  bounded.
- `hearing`: what a WebSocket's client says, heard one after the other, by a task while there
  is something.
- `http1`: the fast path over HTTP/1.1: uvicorn's protocol class, offering a `Writer` to the
  app.
- `websocket`: the fast path over WebSocket: an asyncio protocol for uvicorn, offering a
  `Writer` to the app.
- `app_socket`: a WebSocket as an ASGI app has it: its scope, and what is received and sent.
- `frame_intake`: takes what a WebSocket's client sends, no faster than it is handled and its
  rate allows.
- `handshake`: the handshake of a WebSocket (RFC 6455, section 4.2): read, and answered.
- `deflate_offer`: offers of permessage-deflate (RFC 7692, section 7.1), and what is agreed to.
- `transport_writer`: a writer that is an asyncio protocol: what it is given goes to its own
  transport.
- `holding_writer`: a writer whose head waits for what follows it at once: one packet, one call
  of the system.
- `request_protocol`: HTTP/1.1 requests, one at a time and within limits: uvicorn's protocol
  class.
- `prompt`: requests that are answered without a task: what the app is asked, and may answer.
- `request_pieces`: cuts what a client sends into pieces that end wherever a request may end
  (RFC 9112).
- `absolute_form`: targets that name their host, as requests to a proxy do (RFC 9112,
  section 3.2.2).
- `upgrade_offer`: offers to upgrade a connection (RFC 9110, section 7.8): a WebSocket is the
  one that we take.
- `last_accept`: the end of listening: whoever has connected already is not cut off.
- `acceptance`: which connections a process holds, and the bounds on those that are not readers.
- `descriptors`: open files of a process, and how many connections there is room for among them.
"""

__all__ = [
    "absolute_form",
    "acceptance",
    "app_socket",
    "application",
    "certificate",
    "deflate_offer",
    "descriptors",
    "frame_intake",
    "handshake",
    "hearing",
    "holding_writer",
    "http1",
    "last_accept",
    "prompt",
    "request_pieces",
    "request_protocol",
    "server",
    "tls_door",
    "transport_writer",
    "upgrade_offer",
    "websocket",
]
